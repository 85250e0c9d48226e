package delivery

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestGuideNamesRealTests holds README.md against the code: each test it names
// exists in the package it names.
func TestGuideNamesRealTests(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	exist := map[string]bool{}
	decl := regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	err = filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		src, err := os.ReadFile(path)
		for _, m := range decl.FindAllStringSubmatch(string(src), -1) {
			abs, err := filepath.Abs(filepath.Dir(path))
			if err != nil {
				return err
			}
			exist[fmt.Sprintf("%s.%s", filepath.Base(abs), m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(\\w+\\.Test\\w+)`").FindAllStringSubmatch(string(text), -1)
	if len(named) < 40 {
		t.Errorf("README.md names %d tests", len(named))
	}
	for _, n := range named {
		if !exist[n[1]] {
			t.Errorf("README.md names %s, which does not exist", n[1])
		}
	}
}
