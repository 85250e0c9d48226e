package localpg

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// identity is whom the server runs as.
type identity struct {
	uid, gid int
	other    bool      // not the user we are
	caps     []uintptr // what it needs to reach its folder
}

// pickIdentity returns ourselves, or an unprivileged user where we are root.
func pickIdentity() (identity, error) {
	if os.Geteuid() != 0 {
		return identity{uid: os.Geteuid(), gid: os.Getegid()}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errU := strconv.Atoi(u.Uid)
		gid, errG := strconv.Atoi(u.Gid)
		if errU == nil && errG == nil && uid != 0 {
			return identity{uid: uid, gid: gid, other: true}, nil
		}
	}
	return identity{}, fmt.Errorf("running as root, and there is neither a user postgres nor nobody to run the server as")
}

// reach lets the server get to its folder where a parent folder is closed to
// it, as /root is: it keeps the one right of root that opens folders.
func (id *identity) reach(dir string) error {
	if !id.other || id.mayEnter(dir) {
		return nil
	}
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have [2]unix.CapUserData
	if err := unix.Capget(&head, &have[0]); err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	for _, c := range []uintptr{unix.CAP_DAC_READ_SEARCH, unix.CAP_DAC_OVERRIDE} {
		if have[0].Effective&(1<<c) != 0 && have[0].Permitted&(1<<c) != 0 {
			id.caps = []uintptr{c}
			return nil
		}
	}
	return fmt.Errorf("the server may not run as root, and user %d cannot enter %s: choose a data folder outside of closed folders", id.uid, dir)
}

// mayEnter reports whether the mode bits of all parents let the user through.
func (id identity) mayEnter(dir string) bool {
	for d := filepath.Dir(dir); ; d = filepath.Dir(d) {
		info, err := os.Stat(d)
		if err != nil {
			return false
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return false
		}
		bit := os.FileMode(0o001)
		switch {
		case int(st.Uid) == id.uid:
			bit = 0o100
		case int(st.Gid) == id.gid:
			bit = 0o010
		}
		if info.Mode()&bit == 0 {
			return false
		}
		if d == filepath.Dir(d) {
			return true
		}
	}
}

// attributes are what a process of the server is started with.
func (id identity) attributes() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C at the terminal is ours to pass on
	if id.other {
		a.Credential = &syscall.Credential{Uid: uint32(id.uid), Gid: uint32(id.gid)}
		a.AmbientCaps = id.caps
	}
	return a
}

// own makes a folder that only the server's user, and root, may enter.
func (id identity) own(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || (int(st.Uid) != id.uid && int(st.Uid) != os.Geteuid()) {
		return fmt.Errorf("%s is not a folder of ours", dir)
	}
	if int(st.Uid) != id.uid {
		if err := os.Lchown(dir, id.uid, id.gid); err != nil {
			return err
		}
	}
	return os.Chmod(dir, 0o700)
}
