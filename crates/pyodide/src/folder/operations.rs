//! The host operations of `js/folderfs.js`: each answers a negative error number when the system refuses.
//!
//! `folder_*` are given the number of a folder and a path in it, `file_*` the number of an open file.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{
    OFlags, Stat, Timespec, Timestamps, UTIME_OMIT, fchmod, fdatasync, fstat, fsync, ftruncate,
};
use rustix::io::{Errno, pread, pwrite, retry_on_intr};
use taipan_guest::{Call, Operation, Output, Throw};

use super::errno::number;
use super::{Folder, Folders, Opening, mode};

/// Files that an isolate may have open in all its folders: each is a descriptor of this process, which often has 1,024
/// at most.
const FILES_OPEN_MAX: usize = 512;

/// Bytes that one operation reads or writes: it cannot be stopped, and 4 MiB take about a millisecond.
const TRANSFER_BYTES_MAX: u32 = 4 << 20;

// As Emscripten's musl numbers them (its `bits/fcntl.h`).
const ACCESS_MODE: u32 = 0o3;
const WRITE_ONLY: u32 = 0o1;
const READ_WRITE: u32 = 0o2;
const CREATE: u32 = 0o100;
const EXCLUSIVE: u32 = 0o200;
const APPEND: u32 = 0o2000;

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    Operation { name: "folder_stat", call: stat },
    Operation { name: "folder_list", call: list },
    Operation { name: "folder_open", call: open },
    Operation { name: "folder_make_directory", call: make_directory },
    Operation { name: "folder_remove", call: remove },
    Operation { name: "folder_rename", call: rename },
    Operation { name: "folder_read_link", call: read_link },
    Operation { name: "folder_change_mode", call: change_mode },
    Operation { name: "folder_set_times", call: set_times },
    Operation { name: "file_stat", call: file_stat },
    Operation { name: "file_read", call: file_read },
    Operation { name: "file_write", call: file_write },
    Operation { name: "file_truncate", call: file_truncate },
    Operation { name: "file_change_mode", call: file_change_mode },
    Operation { name: "file_sync", call: file_sync },
    Operation { name: "file_close", call: file_close },
];

/// The files that are open, by their numbers.
#[derive(Debug, Default)]
struct OpenFiles(Vec<Option<Arc<OwnedFd>>>);

impl OpenFiles {
    /// The number of a place for one more.
    fn place(&mut self) -> Result<usize, Errno> {
        match self.0.iter().position(Option::is_none) {
            Some(place) => Ok(place),
            None if self.0.len() >= FILES_OPEN_MAX => Err(Errno::MFILE),
            None => {
                self.0.push(None);
                Ok(self.0.len() - 1)
            }
        }
    }
}

fn folder(call: &mut Call<'_>) -> Result<Folder, Throw> {
    let number = call.unsigned(0)?;
    let folders = call.scope.extensions().of::<Folders>();
    let folder = folders.and_then(|folders| folders.0.get(number as usize));
    folder.cloned().ok_or_else(|| Throw::range_error(format!("no folder has the number {number}")))
}

/// The folder and the path that the first two arguments name.
fn place(call: &mut Call<'_>) -> Result<(Folder, String), Throw> {
    Ok((folder(call)?, call.text(1)?))
}

/// The open file of the first argument; one that is not there is a closed one.
fn file(call: &mut Call<'_>) -> Result<Result<Arc<OwnedFd>, Errno>, Throw> {
    let number = call.unsigned(0)? as usize;
    let files = call.scope.extensions().of::<OpenFiles>();
    let file = files.and_then(|files| files.0.get(number)).cloned().flatten();
    Ok(file.ok_or(Errno::BADF))
}

/// A result, or the number of its error.
fn answer<T>(result: Result<T, Errno>, output: impl FnOnce(T) -> Output) -> Output {
    result.map_or_else(|error| (-number(error)).into(), output)
}

fn done(result: Result<(), Errno>) -> Output {
    answer(result, |()| 0.into())
}

/// What is known of a file, as numbers in a text: mode, size, links, inode, and the times of access, of change and of
/// status, in milliseconds.
fn described(stat: &Stat) -> Output {
    let times = [
        (stat.st_atime, stat.st_atime_nsec),
        (stat.st_mtime, stat.st_mtime_nsec),
        (stat.st_ctime, stat.st_ctime_nsec),
    ];
    let [access, change, status] = times.map(|(seconds, nanoseconds)| {
        i128::from(seconds) * 1000 + i128::from(nanoseconds) / 1_000_000
    });
    let Stat { st_mode, st_size, st_nlink, st_ino, .. } = stat;
    Output::Text(format!("{st_mode} {st_size} {st_nlink} {st_ino} {access} {change} {status}"))
}

fn stat(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (folder, path) = place(call)?;
    Ok(answer(folder.stat(&path), |stat| described(&stat)))
}

/// Names in a text, divided by zero characters.
fn list(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (folder, path) = place(call)?;
    Ok(answer(folder.list(&path), |names| Output::Text(names.join("\0"))))
}

/// `host.folder_open(folder, path, flags, mode)`: the number of the file.
fn open(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (folder, path) = place(call)?;
    let opening = Opening { flags: flags(call.unsigned(2)?), mode: mode(call.unsigned(3)?) };
    let extensions = call.scope.extensions_mut();
    if extensions.of::<OpenFiles>().is_none() {
        extensions.insert(OpenFiles::default());
    }
    let Some(files) = extensions.of_mut::<OpenFiles>() else { return Ok(Output::Undefined) };
    let opened = files.place().and_then(|place| {
        files.0[place] = Some(Arc::new(folder.open_file(&path, opening)?));
        Ok(u32::try_from(place).unwrap_or(u32::MAX))
    });
    Ok(answer(opened, Output::from))
}

fn flags(flags: u32) -> OFlags {
    let mut ours = match flags & ACCESS_MODE {
        WRITE_ONLY => OFlags::WRONLY,
        READ_WRITE => OFlags::RDWR,
        _ => OFlags::RDONLY,
    };
    for (theirs, flag) in
        [(CREATE, OFlags::CREATE), (EXCLUSIVE, OFlags::EXCL), (APPEND, OFlags::APPEND)]
    {
        if flags & theirs != 0 {
            ours |= flag;
        }
    }
    ours
}

/// `host.folder_make_directory(folder, path, mode)`.
fn make_directory(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (folder, path) = place(call)?;
    Ok(done(folder.make_directory(&path, mode(call.unsigned(2)?))))
}

/// `host.folder_remove(folder, path, isDirectory)`.
fn remove(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (folder, path) = place(call)?;
    Ok(done(folder.remove(&path, call.boolean(2)?)))
}

/// `host.folder_rename(folder, from, to)`.
fn rename(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (folder, path) = place(call)?;
    Ok(done(folder.rename(&path, &call.text(2)?)))
}

fn read_link(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (folder, path) = place(call)?;
    Ok(answer(folder.read_link(&path), Output::Text))
}

/// `host.folder_change_mode(folder, path, mode)`.
fn change_mode(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (folder, path) = place(call)?;
    Ok(done(folder.change_mode(&path, mode(call.unsigned(2)?))))
}

/// `host.folder_set_times(folder, path, access, change)`: in milliseconds; what is null stays.
fn set_times(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (folder, path) = place(call)?;
    let times =
        Timestamps { last_access: timespec(call, 2)?, last_modification: timespec(call, 3)? };
    Ok(done(folder.set_times(&path, &times)))
}

fn timespec(call: &mut Call<'_>, index: u32) -> Result<Timespec, Throw> {
    if call.is_nullish(index)? {
        return Ok(Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT });
    }
    let milliseconds = call.number(index)?;
    let seconds = (milliseconds / 1e3).floor();
    let nanoseconds = ((milliseconds - seconds * 1e3) * 1e6).clamp(0.0, 999_999_999.0);
    #[expect(clippy::cast_possible_truncation, reason = "the casts saturate")]
    let (tv_sec, tv_nsec) = (seconds as i64, nanoseconds as i64);
    Ok(Timespec { tv_sec, tv_nsec })
}

fn file_stat(call: &mut Call<'_>) -> Result<Output, Throw> {
    let stat = file(call)?.and_then(fstat);
    Ok(answer(stat, |stat| described(&stat)))
}

/// Where `file_read` and `file_write` are to transfer: the position, and of the bytes the address and the length.
fn transfer(call: &mut Call<'_>) -> Result<(u64, u32, u32), Throw> {
    let position = call.number(1)?;
    let (address, length) = call.byte_range(2)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates"
    )]
    let position = position as u64;
    Ok((position, address, length.min(TRANSFER_BYTES_MAX)))
}

fn count(bytes: usize) -> Output {
    u32::try_from(bytes).unwrap_or(u32::MAX).into()
}

/// `host.file_read(file, position, view)`: how many bytes, which may be fewer than there are.
fn file_read(call: &mut Call<'_>) -> Result<Output, Throw> {
    let file = file(call)?;
    let (position, address, length) = transfer(call)?;
    let bytes = call.scope.bytes_mut(address, length)?;
    let read = file.and_then(|file| retry_on_intr(|| pread(&file, &mut *bytes, position)));
    Ok(answer(read, count))
}

/// `host.file_write(file, position, view)`: how many bytes were written. A file that was opened to append to ignores the
/// position (pwrite(2), "BUGS").
fn file_write(call: &mut Call<'_>) -> Result<Output, Throw> {
    let file = file(call)?;
    let (position, address, length) = transfer(call)?;
    let bytes = call.scope.bytes(address, length)?;
    let written = file.and_then(|file| retry_on_intr(|| pwrite(&file, bytes, position)));
    Ok(answer(written, count))
}

/// `host.file_truncate(file, size)`.
fn file_truncate(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (file, size) = (file(call)?, call.number(1)?);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates"
    )]
    let size = size as u64;
    Ok(done(file.and_then(|file| retry_on_intr(|| ftruncate(&file, size)))))
}

/// `host.file_change_mode(file, mode)`.
fn file_change_mode(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (file, mode) = (file(call)?, mode(call.unsigned(1)?));
    Ok(done(file.and_then(|file| fchmod(&file, mode))))
}

/// `host.file_sync(file, onlyData)`.
fn file_sync(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (file, only_data) = (file(call)?, call.boolean(1)?);
    let sync = |file: Arc<OwnedFd>| if only_data { fdatasync(&file) } else { fsync(&file) };
    Ok(done(file.and_then(sync)))
}

fn file_close(call: &mut Call<'_>) -> Result<Output, Throw> {
    let number = call.unsigned(0)? as usize;
    let files = call.scope.extensions_mut().of_mut::<OpenFiles>();
    let place = files.and_then(|files| files.0.get_mut(number));
    Ok(done(place.and_then(Option::take).map(drop).ok_or(Errno::BADF)))
}
