// Command manual makes, when phased is packaged, what is said about its
// commands: man pages, completions and docs/commands.md, from the commands of
// both programs themselves, and the pages of the settings and of hook headers
// from their JSON Schema. It is no part of a package, and decides nothing about
// a command: what a page says stands in internal/cli and internal/fleetcli.
package main
