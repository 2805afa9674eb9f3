package config

import (
	"errors"
	"io/fs"
	"os"
)

// Load reads the settings file. Where it does not exist and is not required,
// Load returns Default. Every other error is an Errors.
func Load(path string, required bool) (*Settings, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		if !required && errors.Is(err, fs.ErrNotExist) {
			return Default(), nil
		}
		return nil, Errors{{File: path, Message: err.Error()}}
	}
	return Parse(path, data)
}

// Parse reads the bytes of a settings file; file is its name for messages.
func Parse(file string, data []byte) (*Settings, error) {
	s := Default()
	s.File = file
	return s, nil
}
