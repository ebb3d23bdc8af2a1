//! The end of a process that touches a page which its file does not have any more.
//!
//! Code, layers and snapshots are mapped. When another program cuts such a file short, the process loses pages, and the
//! kernel raises SIGBUS where it touches one: in WebAssembly, or in the host. Nothing can go on from there, but the
//! process ends with a line that names the file.

#![expect(unsafe_code, reason = "the only place that handles a signal")]

use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::raw::{c_int, c_void};
use std::ptr;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, read, write};

/// The longest line of the kernel's list of mappings that is read, in bytes: a path has 4,096 at most.
const LINE_BYTES_MAX: usize = 8 << 10;

/// How long the process waits until the line is read, in milliseconds.
const READER_TIME_MAX: c_int = 1000;

/// What is said before and behind the file's path, and the exit code.
struct Ending {
    before: &'static str,
    behind: &'static str,
    status: c_int,
}

static ENDING: OnceLock<Ending> = OnceLock::new();

/// What the handler reads into: the stack that signals have is small.
static BUFFER: Mutex<[u8; LINE_BYTES_MAX]> = Mutex::new([0; LINE_BYTES_MAX]);

/// Has this process end with the exit code `status` when a page of a mapped file is gone, after it has written
/// `before`, the file's path and `behind` to standard error.
///
/// # Errors
///
/// When the kernel takes no handler.
pub fn end_on_lost_pages(
    before: &'static str,
    behind: &'static str,
    status: i32,
) -> std::io::Result<()> {
    ENDING.get_or_init(|| Ending { before, behind, status });
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = handle;
    // SAFETY: zeros are a valid value of this plain structure.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the handler does only what a handler may do, as its functions say.
    match unsafe { libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// Ends the process, or leaves what is no page of a file to the system. Allocates nothing and waits for no lock: the
/// thread may hold any.
extern "C" fn handle(_signal: c_int, information: *mut libc::siginfo_t, _context: *mut c_void) {
    // SAFETY: the kernel gives every handler with SA_SIGINFO the information.
    let information = unsafe { &*information };
    // SAFETY: SIGBUS has an address.
    let address = unsafe { information.si_addr() } as usize;
    let Ok(mut buffer) = BUFFER.try_lock() else {
        // Another thread is about to end the process.
        loop {
            std::thread::sleep(Duration::from_secs(1));
        }
    };
    let Some(ending) = ENDING.get() else { return leave() };
    let Ok(Some(path)) = path_at(address, &mut buffer[..]) else { return leave() };
    let stderr = std::io::stderr();
    for text in [ending.before.as_bytes(), path, ending.behind.as_bytes()] {
        let mut one = libc::pollfd { fd: libc::STDERR_FILENO, events: libc::POLLOUT, revents: 0 };
        // SAFETY: `one` is one structure, and ours to write.
        if unsafe { libc::poll(&raw mut one, 1, READER_TIME_MAX) } != 1 {
            break;
        }
        // What cannot be said is left out: the exit code tells of it.
        let _ = write(stderr.as_fd(), text);
    }
    // SAFETY: it runs nothing of this process any more.
    unsafe { libc::_exit(ending.status) }
}

/// Lets the system do what it would without a handler: the same instruction raises the signal again.
fn leave() {
    // SAFETY: the default is a valid disposition of every signal.
    unsafe { libc::signal(libc::SIGBUS, libc::SIG_DFL) };
}

/// The file that is mapped at an address.
fn path_at(address: usize, buffer: &mut [u8]) -> Result<Option<&[u8]>, Errno> {
    let maps =
        rustix::fs::open(c"/proc/self/maps", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut filled = 0;
    loop {
        let count = read(&maps, &mut buffer[filled..])?;
        if count == 0 {
            return Ok(None);
        }
        filled += count;
        let mut begin = 0;
        while let Some(length) = buffer[begin..filled].iter().position(|byte| *byte == b'\n') {
            if let Some(start) = path_in(&buffer[begin..begin + length], address) {
                return Ok(Some(&buffer[begin + start..begin + length]));
            }
            begin += length + 1;
        }
        buffer.copy_within(begin..filled, 0);
        filled -= begin;
    }
}

/// Where in a line of `/proc/self/maps` (proc(5)) the path begins, if the line is of a file and of this address.
fn path_in(line: &[u8], address: usize) -> Option<usize> {
    let dash = line.iter().position(|byte| *byte == b'-')?;
    let space = line.iter().position(|byte| *byte == b' ')?;
    let (start, end) = (number(&line[..dash])?, number(line.get(dash + 1..space)?)?);
    let path = line.iter().position(|byte| *byte == b'/')?;
    (start..end).contains(&address).then_some(path)
}

fn number(hex: &[u8]) -> Option<usize> {
    usize::from_str_radix(str::from_utf8(hex).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, address: usize, expect: Option<&str>) {
        let found = path_in(line.as_bytes(), address).map(|start| &line[start..]);
        assert_eq!(found, expect);
    }

    #[test]
    fn lines_of_the_kernel() {
        let line = "7f00-7f80 r-xp 00001000 fe:00 42                /a b/c-d.code";
        check(line, 0x7f00, Some("/a b/c-d.code"));
        check(line, 0x7f7f, Some("/a b/c-d.code"));
        check(line, 0x7f80, None);
        check("7f00-7f80 rw-p 00000000 00:00 0 ", 0x7f00, None);
        check("7f00-7f80 rw-p 00000000 00:00 0 [heap]", 0x7f00, None);
        check("", 0, None);
    }

    #[test]
    fn own_mappings() {
        let mut buffer = [0; LINE_BYTES_MAX];
        let code = lines_of_the_kernel as fn() as usize;
        let path = path_at(code, &mut buffer).unwrap().map(<[u8]>::to_vec);
        let own = std::env::current_exe().unwrap();
        assert_eq!(path.as_deref(), Some(own.as_os_str().as_encoded_bytes()));
        assert_eq!(path_at(0, &mut buffer), Ok(None));
    }
}
