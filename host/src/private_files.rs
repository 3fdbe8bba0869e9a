//! The directories that the host writes to: readable by their owner only.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Creates a directory, with those above it, that only its owner may enter. One that is there is left as it is.
///
/// # Errors
/// It cannot be created.
pub fn create_private_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Creates a file that only its owner may read and write, or takes that right from everyone else.
pub(crate) fn create_private_file(path: &Path) -> io::Result<fs::File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let mut permissions = file.metadata()?.permissions();
    if permissions.mode() & 0o077 != 0 {
        permissions.set_mode(0o600);
        file.set_permissions(permissions)?;
    }
    Ok(file)
}

/// Where compiled code is kept unless said otherwise: `$XDG_CACHE_HOME/gatehouse`, `~/.cache/gatehouse`, or the state
/// directory where there is no home. It does not depend on the application, so that it is shared between all of them.
pub(crate) fn default_cache_directory(state_directory: &Path) -> PathBuf {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    match (absolute("XDG_CACHE_HOME"), absolute("HOME")) {
        (Some(cache), _) => cache.join("gatehouse"),
        (None, Some(home)) => home.join(".cache").join("gatehouse"),
        (None, None) => state_directory.join("compiled"),
    }
}
