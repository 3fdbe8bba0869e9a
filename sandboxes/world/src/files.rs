//! `wasi:filesystem` over the tree.

use std::cell::{Cell, RefCell};

use crate::World;
use crate::bindings::exports::wasi::clocks::wall_clock::Datetime;
use crate::bindings::exports::wasi::filesystem::preopens;
use crate::bindings::exports::wasi::filesystem::types::{
    Advice, Descriptor, DescriptorBorrow, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry,
    DirectoryEntryStream, ErrorCode, Guest, GuestDescriptor, GuestDirectoryEntryStream, MetadataHashValue,
    NewTimestamp, OpenFlags, PathFlags,
};
use crate::bindings::exports::wasi::io::error::ErrorBorrow;
use crate::bindings::exports::wasi::io::streams::{InputStream, OutputStream};
use crate::error::IoError;
use crate::run;
use crate::streams::{Reader, Writer, piece};
use crate::tree::{Failure, Id, ROOT, Status, Tree};

/// A file or folder that is open: it stays as long as this does.
pub struct Handle(Id);

impl Handle {
    fn new(id: Id) -> Self {
        run::with(|run| run.tree.open(id));
        Self(id)
    }

    /// Of what.
    pub fn id(&self) -> Id {
        self.0
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        run::with(|run| run.tree.close(self.0));
    }
}

/// A descriptor.
pub struct Open {
    handle: Handle,
    flags: DescriptorFlags,
}

/// The names in a folder, as they were when it was asked for them.
pub struct Names(RefCell<std::vec::IntoIter<(String, bool)>>);

impl Open {
    fn id(&self) -> Id {
        self.handle.id()
    }

    fn may(&self, flag: DescriptorFlags) -> Result<(), ErrorCode> {
        if self.flags.contains(flag) { Ok(()) } else { Err(ErrorCode::BadDescriptor) }
    }

    fn clone_handle(&self) -> Handle {
        Handle::new(self.id())
    }
}

impl preopens::Guest for World {
    fn get_directories() -> Vec<(Descriptor, String)> {
        let flags = DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY;
        vec![(Descriptor::new(Open { handle: Handle::new(ROOT), flags }), "/".to_owned())]
    }
}

impl Guest for World {
    type Descriptor = Open;
    type DirectoryEntryStream = Names;

    fn filesystem_error_code(err: ErrorBorrow<'_>) -> Option<ErrorCode> {
        Some(err.get::<IoError>().0)
    }
}

fn tree<T>(action: impl FnOnce(&mut Tree) -> Result<T, Failure>) -> Result<T, ErrorCode> {
    run::with(|run| action(&mut run.tree)).map_err(ErrorCode::from)
}

/// A place in a file. One that is past all memory has nothing to read, and no room.
fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

fn kind(is_folder: bool) -> DescriptorType {
    if is_folder { DescriptorType::Directory } else { DescriptorType::RegularFile }
}

fn stat(status: Status) -> DescriptorStat {
    let time = Some(Datetime {
        seconds: status.modified / 1_000_000_000,
        nanoseconds: u32::try_from(status.modified % 1_000_000_000).unwrap_or(0),
    });
    DescriptorStat {
        type_: kind(status.is_folder),
        link_count: 1,
        size: status.size as u64,
        data_access_timestamp: time,
        data_modification_timestamp: time,
        status_change_timestamp: time,
    }
}

fn set_modified(id: Id, time: &NewTimestamp) -> Result<(), ErrorCode> {
    let time = match time {
        NewTimestamp::NoChange => return Ok(()),
        NewTimestamp::Now => run::now(),
        NewTimestamp::Timestamp(time) => {
            time.seconds.saturating_mul(1_000_000_000).saturating_add(u64::from(time.nanoseconds))
        }
    };
    tree(|tree| tree.set_modified(id, time))
}

impl GuestDescriptor for Open {
    fn read_via_stream(&self, offset: u64) -> Result<InputStream, ErrorCode> {
        self.may(DescriptorFlags::READ)?;
        tree(|tree| tree.read(self.id(), 0, 0).map(|_bytes| ()))?;
        Ok(InputStream::new(Reader::File(self.clone_handle(), Cell::new(place(offset)))))
    }

    fn write_via_stream(&self, offset: u64) -> Result<OutputStream, ErrorCode> {
        self.may(DescriptorFlags::WRITE)?;
        Ok(OutputStream::new(Writer::File(self.clone_handle(), Cell::new(place(offset)))))
    }

    fn append_via_stream(&self) -> Result<OutputStream, ErrorCode> {
        self.may(DescriptorFlags::WRITE)?;
        Ok(OutputStream::new(Writer::End(self.clone_handle())))
    }

    fn advise(&self, _offset: u64, _length: u64, _advice: Advice) -> Result<(), ErrorCode> {
        Ok(())
    }

    fn sync_data(&self) -> Result<(), ErrorCode> {
        Ok(())
    }

    fn get_flags(&self) -> Result<DescriptorFlags, ErrorCode> {
        Ok(self.flags)
    }

    fn get_type(&self) -> Result<DescriptorType, ErrorCode> {
        tree(|tree| tree.status(self.id())).map(|status| kind(status.is_folder))
    }

    fn set_size(&self, size: u64) -> Result<(), ErrorCode> {
        self.may(DescriptorFlags::WRITE)?;
        let (size, now) = (place(size), run::now());
        tree(|tree| tree.set_size(self.id(), size, now))
    }

    fn set_times(&self, _accessed: NewTimestamp, modified: NewTimestamp) -> Result<(), ErrorCode> {
        set_modified(self.id(), &modified)
    }

    fn read(&self, length: u64, offset: u64) -> Result<(Vec<u8>, bool), ErrorCode> {
        self.may(DescriptorFlags::READ)?;
        let offset = place(offset);
        tree(|tree| {
            let bytes = tree.read(self.id(), offset, piece(length))?.to_vec();
            let end = offset.saturating_add(bytes.len()) >= tree.status(self.id())?.size;
            Ok((bytes, end))
        })
    }

    fn write(&self, buffer: Vec<u8>, offset: u64) -> Result<u64, ErrorCode> {
        self.may(DescriptorFlags::WRITE)?;
        let (offset, now) = (place(offset), run::now());
        tree(|tree| tree.write(self.id(), Some(offset), &buffer, now))?;
        Ok(buffer.len() as u64)
    }

    fn read_directory(&self) -> Result<DirectoryEntryStream, ErrorCode> {
        let names = tree(|tree| tree.list(self.id()))?;
        Ok(DirectoryEntryStream::new(Names(RefCell::new(names.into_iter()))))
    }

    fn sync(&self) -> Result<(), ErrorCode> {
        Ok(())
    }

    fn create_directory_at(&self, path: String) -> Result<(), ErrorCode> {
        let now = run::now();
        tree(|tree| tree.make_folder(self.id(), &path, now))
    }

    fn stat(&self) -> Result<DescriptorStat, ErrorCode> {
        tree(|tree| tree.status(self.id())).map(stat)
    }

    fn stat_at(&self, _path_flags: PathFlags, path: String) -> Result<DescriptorStat, ErrorCode> {
        tree(|tree| tree.find(self.id(), &path).and_then(|id| tree.status(id))).map(stat)
    }

    fn set_times_at(
        &self,
        _path_flags: PathFlags,
        path: String,
        _accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> Result<(), ErrorCode> {
        set_modified(tree(|tree| tree.find(self.id(), &path))?, &modified)
    }

    fn link_at(
        &self,
        _old_path_flags: PathFlags,
        _old_path: String,
        _new_descriptor: DescriptorBorrow<'_>,
        _new_path: String,
    ) -> Result<(), ErrorCode> {
        Err(ErrorCode::NotPermitted)
    }

    fn open_at(
        &self,
        _path_flags: PathFlags,
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> Result<Descriptor, ErrorCode> {
        run::check_time();
        let now = run::now();
        let id = tree(|tree| {
            let id = match tree.find(self.id(), &path) {
                Ok(_) if open_flags.contains(OpenFlags::EXCLUSIVE | OpenFlags::CREATE) => return Err(Failure::Exists),
                Ok(id) => id,
                Err(Failure::Absent) if open_flags.contains(OpenFlags::CREATE) => {
                    tree.make_file(self.id(), &path, now)?
                }
                Err(failure) => return Err(failure),
            };
            let is_folder = tree.status(id)?.is_folder;
            if open_flags.contains(OpenFlags::DIRECTORY) && !is_folder {
                return Err(Failure::NotFolder);
            }
            if is_folder && (flags.contains(DescriptorFlags::WRITE) || open_flags.contains(OpenFlags::TRUNCATE)) {
                return Err(Failure::IsFolder);
            }
            if open_flags.contains(OpenFlags::TRUNCATE) {
                tree.set_size(id, 0, now)?;
            }
            Ok(id)
        })?;
        Ok(Descriptor::new(Self { handle: Handle::new(id), flags }))
    }

    fn readlink_at(&self, path: String) -> Result<String, ErrorCode> {
        // There are no links: what is there is none.
        tree(|tree| tree.find(self.id(), &path)).and(Err(ErrorCode::Invalid))
    }

    fn remove_directory_at(&self, path: String) -> Result<(), ErrorCode> {
        let now = run::now();
        tree(|tree| tree.remove_folder(self.id(), &path, now))
    }

    fn rename_at(
        &self,
        old_path: String,
        new_descriptor: DescriptorBorrow<'_>,
        new_path: String,
    ) -> Result<(), ErrorCode> {
        let (to, now) = (new_descriptor.get::<Self>().id(), run::now());
        tree(|tree| tree.rename(self.id(), &old_path, to, &new_path, now))
    }

    fn symlink_at(&self, _old_path: String, _new_path: String) -> Result<(), ErrorCode> {
        Err(ErrorCode::NotPermitted)
    }

    fn unlink_file_at(&self, path: String) -> Result<(), ErrorCode> {
        let now = run::now();
        tree(|tree| tree.remove_file(self.id(), &path, now))
    }

    fn is_same_object(&self, other: DescriptorBorrow<'_>) -> bool {
        self.id() == other.get::<Self>().id()
    }

    fn metadata_hash(&self) -> Result<MetadataHashValue, ErrorCode> {
        Ok(hash(self.id()))
    }

    fn metadata_hash_at(&self, _path_flags: PathFlags, path: String) -> Result<MetadataHashValue, ErrorCode> {
        tree(|tree| tree.find(self.id(), &path)).map(hash)
    }
}

/// What libc takes for the number of the inode.
fn hash(id: Id) -> MetadataHashValue {
    MetadataHashValue { lower: id.number(), upper: 0 }
}

impl GuestDirectoryEntryStream for Names {
    fn read_directory_entry(&self) -> Result<Option<DirectoryEntry>, ErrorCode> {
        let next = self.0.borrow_mut().next();
        Ok(next.map(|(name, is_folder)| DirectoryEntry { type_: kind(is_folder), name }))
    }
}
