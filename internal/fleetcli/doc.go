// Package fleetcli is the command line of phased-fleet, the network side: it
// reads flags, wires the rooms, and decides nothing.
package fleetcli
