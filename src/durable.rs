//! Files that are whole or not there, whenever the power goes. Everything blocks: call it off the control runtime.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Makes a folder, and those that it is in. Nobody else may write there: what is in it is run, or routes traffic.
///
/// # Errors
///
/// The disk refuses.
pub fn make(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Writes a file beside its place, flushes it to the disk, and renames it.
///
/// # Errors
///
/// The disk refuses; then what was there before is still there.
pub fn write(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let beside = folder.join(format!(".{name}.{:016x}", fastrand::u64(..)));
    let written = write_through(&beside, content).and_then(|()| fs::rename(&beside, folder.join(name)));
    if written.is_err() {
        // It may not be there at all.
        let _ = fs::remove_file(&beside);
        return written;
    }
    // The rename is on the disk when its folder is.
    File::open(folder)?.sync_all()
}

fn write_through(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content)?;
    file.sync_all()
}
