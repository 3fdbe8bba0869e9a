//! Files and folders in memory. Pure: times come from outside.
//!
//! There are three folders that are always there: the root, in which nothing can be made; `/work`, which the environment keeps; and `/tmp`,
//! which it forgets. The last two have limits of their own. There are no links, so that a path has one meaning.

mod changes;
mod contents;
mod path;
mod rename;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A file or a folder, by whatever name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u32);

impl Id {
    /// No other file or folder has it.
    pub fn number(self) -> u64 {
        u64::from(self.0)
    }
}

/// The root.
pub const ROOT: Id = Id(0);
const WORK: Id = Id(1);
const TEMPORARY: Id = Id(2);

/// The most bytes of a name.
const MOST_BYTES_OF_A_NAME: usize = 255;
/// The most bytes of a file's path below `/work`: what the crate sandbox-run allows.
const MOST_BYTES_OF_A_PATH: usize = 1024;

/// Why something cannot be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There is nothing of this name.
    Absent,
    /// There is something of this name.
    Exists,
    /// It is a folder.
    IsFolder,
    /// It, or what is before it in the path, is none.
    NotFolder,
    /// The folder has something in it.
    NotEmpty,
    /// The path leads out of where it may lead, or it is one of the three folders.
    NotPermitted,
    /// The root.
    ReadOnly,
    /// A name or a path is too long.
    TooLong,
    /// A limit of bytes or files.
    NoRoom,
    /// From `/work` to `/tmp`, or the other way round.
    OtherPlace,
    /// A folder into itself.
    Invalid,
}

/// What a part of the tree may hold.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Bytes of all files.
    pub bytes: usize,
    /// Files and folders.
    pub entries: usize,
}

/// What is known of a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Or a file.
    pub is_folder: bool,
    /// Bytes.
    pub size: usize,
    /// Nanoseconds since 1970.
    pub modified: u64,
}

enum Content {
    File(Vec<u8>),
    Folder(BTreeMap<String, Id>),
}

struct Node {
    content: Content,
    modified: u64,
    /// Whether a file has been written to since it was loaded.
    changed: bool,
    /// In which of the folders it was made.
    place: Id,
    /// None without a name: it stays as long as it is open.
    parent: Option<Id>,
    /// How often it is open.
    handles: usize,
}

#[derive(Clone, Copy, Default)]
struct Used {
    bytes: usize,
    entries: usize,
}

/// The tree.
pub struct Tree {
    nodes: HashMap<Id, Node>,
    next: u32,
    room: Room,
    work: Used,
    temporary: Used,
    loaded: BTreeSet<String>,
    refused: bool,
}

impl Tree {
    /// A tree with the three folders.
    pub fn new(room: Room, now: u64) -> Self {
        let folder = |children: BTreeMap<String, Id>, place, parent| Node {
            content: Content::Folder(children),
            modified: now,
            changed: false,
            place,
            parent: Some(parent),
            handles: 0,
        };
        let children = BTreeMap::from([("work".to_owned(), WORK), ("tmp".to_owned(), TEMPORARY)]);
        let nodes = HashMap::from([
            (ROOT, folder(children, ROOT, ROOT)),
            (WORK, folder(BTreeMap::new(), WORK, ROOT)),
            (TEMPORARY, folder(BTreeMap::new(), TEMPORARY, ROOT)),
        ]);
        let (work, temporary) = (Used::default(), Used::default());
        Self { nodes, next: 3, room, work, temporary, loaded: BTreeSet::new(), refused: false }
    }

    /// Whether anything was refused for want of room.
    pub fn was_full(&self) -> bool {
        self.refused
    }

    /// What a path leads to from a folder.
    ///
    /// # Errors
    /// Where there is nothing.
    pub fn find(&self, from: Id, path: &str) -> Result<Id, Failure> {
        let (folder, name, must_be_folder) = self.walk(from, path)?;
        let id = match name {
            None => folder,
            Some(name) => self.child(folder, name)?.ok_or(Failure::Absent)?,
        };
        if must_be_folder && !self.status(id)?.is_folder {
            return Err(Failure::NotFolder);
        }
        Ok(id)
    }

    /// Makes an empty file.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn make_file(&mut self, from: Id, path: &str, now: u64) -> Result<Id, Failure> {
        let (folder, name, must_be_folder) = self.walk(from, path)?;
        let name = name.ok_or(Failure::Exists)?.to_owned();
        if must_be_folder {
            return Err(Failure::IsFolder);
        }
        self.make(folder, &name, Content::File(Vec::new()), now)
    }

    /// Makes an empty folder.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn make_folder(&mut self, from: Id, path: &str, now: u64) -> Result<(), Failure> {
        let (folder, name, _) = self.walk(from, path)?;
        let name = name.ok_or(Failure::Exists)?.to_owned();
        self.make(folder, &name, Content::Folder(BTreeMap::new()), now).map(|_id| ())
    }

    /// Removes a file's name.
    ///
    /// # Errors
    /// Where it is none.
    pub fn remove_file(&mut self, from: Id, path: &str, now: u64) -> Result<(), Failure> {
        let id = self.find(from, path)?;
        if self.status(id)?.is_folder {
            return Err(Failure::IsFolder);
        }
        self.unlink(id, now)
    }

    /// Removes an empty folder.
    ///
    /// # Errors
    /// Where it is none, or not empty.
    pub fn remove_folder(&mut self, from: Id, path: &str, now: u64) -> Result<(), Failure> {
        let id = self.find(from, path)?;
        let children = self.children(id)?;
        if id <= TEMPORARY {
            return Err(Failure::NotPermitted);
        }
        if !children.is_empty() {
            return Err(Failure::NotEmpty);
        }
        self.unlink(id, now)
    }

    /// What is known of it.
    ///
    /// # Errors
    /// Where it is gone.
    pub fn status(&self, id: Id) -> Result<Status, Failure> {
        let node = self.node(id)?;
        let (is_folder, size) = match &node.content {
            Content::File(bytes) => (false, bytes.len()),
            Content::Folder(_) => (true, 0),
        };
        Ok(Status { is_folder, size, modified: node.modified })
    }

    /// Sets the time at which it was changed.
    ///
    /// # Errors
    /// Where it is gone.
    pub fn set_modified(&mut self, id: Id, time: u64) -> Result<(), Failure> {
        self.node_mut(id)?.modified = time;
        Ok(())
    }

    /// The names in a folder.
    ///
    /// # Errors
    /// Where it is none.
    pub fn list(&self, id: Id) -> Result<Vec<(String, bool)>, Failure> {
        let children = self.children(id)?;
        Ok(children
            .into_iter()
            .map(|(name, child)| (name, self.status(child).is_ok_and(|status| status.is_folder)))
            .collect())
    }

    /// Says that it is open once more.
    pub fn open(&mut self, id: Id) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.handles += 1;
        }
    }

    /// Says that it is open once less; what has no name is gone then.
    pub fn close(&mut self, id: Id) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        node.handles = node.handles.saturating_sub(1);
        if node.handles == 0 && node.parent.is_none() {
            self.forget(id);
        }
    }

    fn node(&self, id: Id) -> Result<&Node, Failure> {
        self.nodes.get(&id).ok_or(Failure::Absent)
    }

    fn node_mut(&mut self, id: Id) -> Result<&mut Node, Failure> {
        self.nodes.get_mut(&id).ok_or(Failure::Absent)
    }

    fn children(&self, id: Id) -> Result<BTreeMap<String, Id>, Failure> {
        match &self.node(id)?.content {
            Content::Folder(children) => Ok(children.clone()),
            Content::File(_) => Err(Failure::NotFolder),
        }
    }

    fn children_mut(&mut self, id: Id) -> Result<&mut BTreeMap<String, Id>, Failure> {
        match &mut self.node_mut(id)?.content {
            Content::Folder(children) => Ok(children),
            Content::File(_) => Err(Failure::NotFolder),
        }
    }

    fn child(&self, folder: Id, name: &str) -> Result<Option<Id>, Failure> {
        match &self.node(folder)?.content {
            Content::Folder(children) => Ok(children.get(name).copied()),
            Content::File(_) => Err(Failure::NotFolder),
        }
    }

    fn used(&mut self, id: Id) -> Result<&mut Used, Failure> {
        let place = self.node(id)?.place;
        Ok(if place == TEMPORARY { &mut self.temporary } else { &mut self.work })
    }

    fn make(&mut self, folder: Id, name: &str, content: Content, now: u64) -> Result<Id, Failure> {
        if self.child(folder, name)?.is_some() {
            return Err(Failure::Exists);
        }
        if folder == ROOT {
            return Err(Failure::ReadOnly);
        }
        let parent = self.node(folder)?;
        // A folder that was removed while it was open.
        if parent.parent.is_none() {
            return Err(Failure::Absent);
        }
        let place = parent.place;
        self.check_name(folder, name)?;
        let most = self.room.entries;
        let used = self.used(folder)?;
        if used.entries >= most {
            self.refused = true;
            return Err(Failure::NoRoom);
        }
        used.entries += 1;
        let id = Id(self.next);
        self.next = self.next.checked_add(1).ok_or(Failure::NoRoom)?;
        let parent = Some(folder);
        self.nodes.insert(id, Node { content, modified: now, changed: true, place, parent, handles: 0 });
        self.children_mut(folder)?.insert(name.to_owned(), id);
        self.node_mut(folder)?.modified = now;
        Ok(id)
    }

    /// Takes its name from something.
    fn unlink(&mut self, id: Id, now: u64) -> Result<(), Failure> {
        let node = self.node_mut(id)?;
        let handles = node.handles;
        if let Some(parent) = node.parent.take() {
            self.children_mut(parent)?.retain(|_, child| *child != id);
            self.node_mut(parent)?.modified = now;
        }
        if handles == 0 {
            self.forget(id);
        }
        Ok(())
    }

    fn forget(&mut self, id: Id) {
        let size = self.file_size(id).unwrap_or(0);
        if let Ok(used) = self.used(id) {
            used.bytes = used.bytes.saturating_sub(size);
            used.entries = used.entries.saturating_sub(1);
        }
        self.nodes.remove(&id);
    }
}
