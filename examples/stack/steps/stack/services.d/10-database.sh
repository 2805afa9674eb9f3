# shellcheck shell=bash
init_database
