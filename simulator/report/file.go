package report

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// WriteFile replaces the file at path by what write writes: whole, or not at all.
// Whoever reads path, even after an interrupt, finds the old content or the new.
// What is no regular file, such as a pipe or /dev/stdout, is written to as it is.
func WriteFile(path string, write func(io.Writer) error) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return writeTo(path, write)
	}
	// In the same folder, because a rename is atomic only within a file system.
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("creating a file beside %s: %w", path, err)
	}
	defer os.Remove(file.Name()) // it is there only if something failed
	if err := fill(file, write); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return fmt.Errorf("replacing %s: %w", path, err)
	}
	return nil
}

func writeTo(path string, write func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("opening: %w", err) // it names the path
	}
	if err := errors.Join(write(file), file.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// fill writes, makes durable and closes the file; it is closed even if write panics.
func fill(file *os.File, write func(io.Writer) error) (err error) {
	defer func() {
		if closing := file.Close(); err == nil {
			err = closing
		}
	}()
	if err := write(file); err != nil {
		return err
	}
	// CreateTemp lets only its user read; a report is for others too.
	if err := file.Chmod(0o644); err != nil {
		return err
	}
	return file.Sync()
}
