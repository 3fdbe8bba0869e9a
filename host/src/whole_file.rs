//! Files that are written whole or not at all, so that nobody who starts meanwhile reads half of one.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::NamedTempFile;

/// The folder that `file` lies in: `.` where its path is a name alone.
pub(crate) fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes `content` beside the place of `file`, and renames it; `mode` says who may read it.
///
/// # Errors
/// It cannot be written. What was at the place before is still there.
pub fn write_whole(file: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut temporary = NamedTempFile::new_in(folder_of(file))?;
    temporary.write_all(content)?;
    temporary.as_file().set_permissions(Permissions::from_mode(mode))?;
    temporary.persist(file).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_folder_of_a_name_alone_is_the_current_one() {
        let folders = ["a.wasm", "./a.wasm", "folder/a.wasm", "/a.wasm"].map(|file| folder_of(Path::new(file)));
        assert_eq!(folders, [".", ".", "folder", "/"].map(Path::new));
    }

    #[test]
    fn a_file_is_replaced_whole_and_what_cannot_be_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("code");
        for content in [&b"first"[..], b"second"] {
            write_whole(&file, content, 0o640).unwrap();
            assert_eq!(fs::read(&file).unwrap(), content);
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        }
        let occupied = folder.path().join("folder");
        fs::create_dir_all(occupied.join("inside")).unwrap();
        assert!(write_whole(&occupied, b"third", 0o600).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
