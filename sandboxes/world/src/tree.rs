//! Files and folders in memory. Pure: times come from outside.
//!
//! There are three folders that are always there: the root, in which nothing can be made; `/work`, which the environment keeps; and `/tmp`,
//! which it forgets. The last two have limits of their own. There are no links, so that a path has one meaning.

mod path;

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

/// What became of the files.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Path and contents of those that are new or were written to.
    pub changed: Vec<(String, Vec<u8>)>,
    /// Those that were there and are not.
    pub removed: Vec<String>,
    /// Folders without a file in or below them.
    pub empty_folders: Vec<String>,
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

    /// Adds a file that the environment has, with the folders on its way.
    ///
    /// # Errors
    /// Where the path is none, or there is no room.
    pub fn load(&mut self, file: &str, contents: Vec<u8>, now: u64) -> Result<(), Failure> {
        let mut folder = WORK;
        let mut names = file.split('/').peekable();
        while let Some(name) = names.next() {
            if !path::is_a_name(name) {
                return Err(Failure::Invalid);
            }
            if names.peek().is_none() {
                let id = self.make(folder, name, Content::File(Vec::new()), now)?;
                self.grow(id, contents.len())?;
                let node = self.node_mut(id)?;
                node.content = Content::File(contents);
                node.changed = false;
                self.loaded.insert(file.to_owned());
                return Ok(());
            }
            folder = match self.child(folder, name)? {
                Some(next) => next,
                None => self.make(folder, name, Content::Folder(BTreeMap::new()), now)?,
            };
        }
        Err(Failure::Invalid)
    }

    /// What has changed since it was loaded. The files' contents are gone from the tree after that.
    pub fn take_changes(&mut self) -> Changes {
        let mut changes = Changes::default();
        let mut there = BTreeSet::new();
        self.collect(WORK, "", &mut there, &mut changes);
        changes.removed = self.loaded.iter().filter(|path| !there.contains(*path)).cloned().collect();
        changes
    }

    /// Whether there are files in or below a folder.
    fn collect(&mut self, folder: Id, prefix: &str, there: &mut BTreeSet<String>, changes: &mut Changes) -> bool {
        let mut any = false;
        for (name, id) in self.children(folder).unwrap_or_default() {
            let path = format!("{prefix}{name}");
            let Some(node) = self.nodes.get_mut(&id) else { continue };
            match &mut node.content {
                Content::File(contents) => {
                    any = true;
                    if node.changed || !self.loaded.contains(&path) {
                        changes.changed.push((path.clone(), std::mem::take(contents)));
                    }
                    there.insert(path);
                }
                Content::Folder(_) => {
                    if self.collect(id, &format!("{path}/"), there, changes) {
                        any = true;
                    } else {
                        changes.empty_folders.push(path);
                    }
                }
            }
        }
        any
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

    /// Gives something another name, in place of what has it.
    ///
    /// # Errors
    /// Where POSIX has one, and between `/work` and `/tmp`.
    pub fn rename(&mut self, from: Id, path: &str, to: Id, new_path: &str, now: u64) -> Result<(), Failure> {
        let id = self.find(from, path)?;
        let (folder, name, must_be_folder) = self.walk(to, new_path)?;
        let name = name.ok_or(Failure::NotPermitted)?.to_owned();
        let is_folder = self.status(id)?.is_folder;
        if id <= TEMPORARY {
            return Err(Failure::NotPermitted);
        }
        if must_be_folder && !is_folder {
            return Err(Failure::NotFolder);
        }
        if self.node(id)?.place != self.node(folder)?.place {
            return Err(if folder == ROOT { Failure::ReadOnly } else { Failure::OtherPlace });
        }
        if self.is_within(folder, id) {
            return Err(Failure::Invalid);
        }
        self.check_name(folder, &name)?;
        if let Some(present) = self.child(folder, &name)? {
            if present == id {
                return Ok(());
            }
            match (is_folder, self.status(present)?.is_folder) {
                (true, false) => return Err(Failure::NotFolder),
                (false, true) => return Err(Failure::IsFolder),
                (true, true) if !self.children(present)?.is_empty() => return Err(Failure::NotEmpty),
                _ => self.unlink(present, now)?,
            }
        }
        if let Some(parent) = self.node(id)?.parent {
            self.children_mut(parent)?.retain(|_, child| *child != id);
            self.node_mut(parent)?.modified = now;
        }
        self.children_mut(folder)?.insert(name, id);
        self.node_mut(folder)?.modified = now;
        let node = self.node_mut(id)?;
        node.parent = Some(folder);
        // Under its new name, it is not what was loaded under that.
        self.mark(id);
        Ok(())
    }

    fn mark(&mut self, id: Id) {
        let children = self.children(id).unwrap_or_default();
        if let Some(node) = self.nodes.get_mut(&id) {
            node.changed = true;
        }
        for child in children.into_values() {
            self.mark(child);
        }
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

    /// Bytes of a file, fewer at its end.
    ///
    /// # Errors
    /// Where it is a folder.
    pub fn read(&self, id: Id, offset: usize, most: usize) -> Result<&[u8], Failure> {
        let Content::File(bytes) = &self.node(id)?.content else { return Err(Failure::IsFolder) };
        let rest = bytes.get(offset..).unwrap_or_default();
        Ok(rest.get(..most).unwrap_or(rest))
    }

    /// Writes at a place, with zeros before it where the file is shorter. `None` is the end.
    ///
    /// # Errors
    /// Where it is a folder, or there is no room: then nothing is written.
    pub fn write(&mut self, id: Id, offset: Option<usize>, bytes: &[u8], now: u64) -> Result<usize, Failure> {
        let size = self.file_size(id)?;
        let offset = offset.unwrap_or(size);
        let Some(end) = offset.checked_add(bytes.len()) else {
            self.refused = true;
            return Err(Failure::NoRoom);
        };
        if bytes.is_empty() {
            return Ok(size);
        }
        if end > size {
            self.grow(id, end)?;
        }
        let node = self.node_mut(id)?;
        if let Content::File(contents) = &mut node.content {
            if end > contents.len() {
                contents.resize(end, 0);
            }
            if let Some(place) = contents.get_mut(offset..end) {
                place.copy_from_slice(bytes);
            }
        }
        node.changed = true;
        node.modified = now;
        Ok(end)
    }

    /// Cuts a file, or fills it up with zeros.
    ///
    /// # Errors
    /// Where it is a folder, or there is no room.
    pub fn set_size(&mut self, id: Id, size: usize, now: u64) -> Result<(), Failure> {
        let present = self.file_size(id)?;
        if size > present {
            self.grow(id, size)?;
        } else {
            self.used(id)?.bytes -= present - size;
        }
        let node = self.node_mut(id)?;
        if let Content::File(contents) = &mut node.content {
            contents.resize(size, 0);
            if size < present / 2 {
                contents.shrink_to_fit();
            }
        }
        node.changed = true;
        node.modified = now;
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

    fn file_size(&self, id: Id) -> Result<usize, Failure> {
        match &self.node(id)?.content {
            Content::File(bytes) => Ok(bytes.len()),
            Content::Folder(_) => Err(Failure::IsFolder),
        }
    }

    fn used(&mut self, id: Id) -> Result<&mut Used, Failure> {
        let place = self.node(id)?.place;
        Ok(if place == TEMPORARY { &mut self.temporary } else { &mut self.work })
    }

    /// Counts the bytes that a file is to have.
    fn grow(&mut self, id: Id, size: usize) -> Result<(), Failure> {
        let (most, more) = (self.room.bytes, size.saturating_sub(self.file_size(id)?));
        let used = self.used(id)?;
        if used.bytes.saturating_add(more) > most {
            self.refused = true;
            return Err(Failure::NoRoom);
        }
        used.bytes += more;
        Ok(())
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ROOM: Room = Room { bytes: 100, entries: 4 };

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::new(ROOM, 1);
        for (path, contents) in files {
            tree.load(path, contents.as_bytes().to_vec(), 1).unwrap();
        }
        tree
    }

    fn write(tree: &mut Tree, path: &str, contents: &str) -> Result<Id, Failure> {
        let id = tree.find(ROOT, path).or_else(|_absent| tree.make_file(ROOT, path, 2))?;
        tree.set_size(id, 0, 2)?;
        tree.write(id, Some(0), contents.as_bytes(), 2).map(|_end| id)
    }

    fn changed(tree: &mut Tree) -> Vec<(String, Vec<u8>)> {
        tree.take_changes().changed
    }

    #[test]
    fn only_what_was_written_or_moved_counts_as_changed() {
        let mut tree = tree(&[("a", "1"), ("b/c", "2"), ("d", "3")]);
        assert_eq!(tree.take_changes(), Changes::default());
        let mut tree = self::tree(&[("a", "1"), ("b/c", "2"), ("d", "3")]);
        write(&mut tree, "work/a", "new").unwrap();
        tree.rename(ROOT, "work/d", ROOT, "work/b/e", 2).unwrap();
        tree.remove_file(ROOT, "work/b/c", 2).unwrap();
        let changes = tree.take_changes();
        assert_eq!(changes.changed, [("a".to_owned(), b"new".to_vec()), ("b/e".to_owned(), b"3".to_vec())]);
        assert_eq!(changes.removed, ["b/c", "d"]);
    }

    #[test]
    fn a_file_that_takes_the_name_of_one_that_was_there_is_changed() {
        let mut tree = tree(&[("a", "1"), ("b", "2")]);
        tree.rename(ROOT, "work/a", ROOT, "work/b", 2).unwrap();
        let changes = tree.take_changes();
        assert_eq!((changes.changed, changes.removed), (vec![("b".to_owned(), b"1".to_vec())], vec!["a".to_owned()]));
    }

    #[test]
    fn a_path_leads_to_one_thing_and_never_out() {
        let tree = tree(&[("a/b/c", "x")]);
        let file = tree.find(ROOT, "work/a/b/c").unwrap();
        for path in ["work/a/./b//c", "work/a/b/../b/c", "work/../work/a/b/c", "tmp/../work/a/b/c"] {
            assert_eq!(tree.find(ROOT, path), Ok(file), "{path}");
        }
        let folder = tree.find(ROOT, "work/a").unwrap();
        assert_eq!(tree.find(folder, "b/c"), Ok(file));
        for (from, path, failure) in [
            (ROOT, "", Failure::Absent),
            (ROOT, "../etc/passwd", Failure::Absent),
            (folder, "..", Failure::NotPermitted),
            (folder, "../a", Failure::NotPermitted),
            (ROOT, "/work", Failure::NotPermitted),
            (ROOT, "work/x/../a", Failure::Absent),
            (ROOT, "work/a/b/c/", Failure::NotFolder),
            (ROOT, "work/a/b/c/d", Failure::NotFolder),
            (ROOT, "etc/passwd", Failure::Absent),
        ] {
            assert_eq!(tree.find(from, path), Err(failure), "{path}");
        }
        for path in [".", "..", "work/../..", "../../work/.."] {
            assert_eq!(tree.find(ROOT, path), Ok(ROOT), "{path}");
        }
    }

    #[test]
    fn bytes_are_counted_to_the_limit_and_those_that_go_make_room() {
        let mut tree = tree(&[("a", &"x".repeat(60))]);
        let b = write(&mut tree, "work/b", &"y".repeat(40)).unwrap();
        assert!(!tree.was_full());
        assert_eq!(tree.write(b, None, b"z", 2), Err(Failure::NoRoom));
        assert_eq!(tree.write(b, Some(usize::MAX), b"z", 2), Err(Failure::NoRoom));
        assert_eq!(tree.set_size(b, usize::MAX, 2), Err(Failure::NoRoom));
        assert!(tree.was_full());
        assert_eq!(tree.status(b).unwrap().size, 40, "a write that is refused writes nothing");
        // Another place has its own.
        let other = write(&mut tree, "tmp/b", &"y".repeat(100)).unwrap();
        assert_eq!(tree.write(other, None, b"z", 2), Err(Failure::NoRoom));
        tree.remove_file(ROOT, "work/a", 2).unwrap();
        assert_eq!(tree.write(b, None, &[0; 60], 2), Ok(100));
    }

    #[test]
    fn what_is_open_keeps_its_bytes_when_its_name_goes() {
        let mut tree = tree(&[("a", &"x".repeat(60))]);
        let a = tree.find(ROOT, "work/a").unwrap();
        tree.open(a);
        tree.remove_file(ROOT, "work/a", 2).unwrap();
        assert_eq!(tree.read(a, 58, 10), Ok(&b"xx"[..]));
        assert_eq!(write(&mut tree, "work/b", &"y".repeat(60)), Err(Failure::NoRoom));
        tree.close(a);
        assert_eq!(tree.read(a, 0, 1), Err(Failure::Absent));
        write(&mut tree, "work/b", &"y".repeat(60)).unwrap();
    }

    #[test]
    fn entries_are_counted_to_the_limit() {
        let mut tree = tree(&[("a/b/c", "")]);
        tree.make_folder(ROOT, "work/d", 2).unwrap();
        assert_eq!(tree.make_folder(ROOT, "work/e", 2), Err(Failure::NoRoom));
        assert_eq!(tree.make_file(ROOT, "work/e", 2), Err(Failure::NoRoom));
        tree.remove_folder(ROOT, "work/d", 2).unwrap();
        tree.make_file(ROOT, "work/e", 2).unwrap();
        let mut full = Tree::new(ROOM, 1);
        assert_eq!(full.load("a/b/c/d/e", Vec::new(), 1), Err(Failure::NoRoom));
        assert_eq!(full.load("big", vec![0; 101], 1), Err(Failure::NoRoom));
    }

    #[test]
    fn renaming_follows_posix() {
        let mut tree = tree(&[("a", "1"), ("d/f", "2")]);
        tree.make_folder(ROOT, "tmp/t", 2).unwrap();
        for (from, to, failure) in [
            ("work/a", "work/d", Failure::IsFolder),
            ("work/d", "work/a", Failure::NotFolder),
            ("work/d", "work/d/x", Failure::Invalid),
            ("work/a", "tmp/a", Failure::OtherPlace),
            ("work/a", "a", Failure::ReadOnly),
            ("work", "tmp/w", Failure::NotPermitted),
            ("work/a", "tmp/..", Failure::NotPermitted),
            ("work/none", "work/b", Failure::Absent),
            ("work/a", "work/a/", Failure::NotFolder),
        ] {
            assert_eq!(tree.rename(ROOT, from, ROOT, to, 2), Err(failure), "{from} {to}");
        }
        assert_eq!(tree.rename(ROOT, "work/a", ROOT, "work/a", 2), Ok(()));
        assert!(changed(&mut tree).is_empty(), "nothing was done");
    }

    #[test]
    fn the_three_folders_stay() {
        let mut tree = tree(&[]);
        for path in ["work", "tmp", "."] {
            assert_eq!(tree.remove_folder(ROOT, path, 2), Err(Failure::NotPermitted), "{path}");
        }
        assert_eq!(tree.make_file(ROOT, "x", 2), Err(Failure::ReadOnly));
        assert_eq!(tree.make_folder(ROOT, "work", 2), Err(Failure::Exists));
    }

    #[test]
    fn a_path_is_not_longer_than_a_message_takes() {
        let mut tree = Tree::new(Room { bytes: 10, entries: 1000 }, 1);
        let name = "n".repeat(200);
        let mut path = "work".to_owned();
        for _ in 0..5 {
            path = format!("{path}/{name}");
            tree.make_folder(ROOT, &path, 2).unwrap();
        }
        assert_eq!(tree.make_folder(ROOT, &format!("{path}/{name}"), 2), Err(Failure::TooLong));
        assert_eq!(tree.make_file(ROOT, &format!("work/{}", "n".repeat(256)), 2), Err(Failure::TooLong));
        for path in ["", "/a", "a/", "a//b", "../a", "a/./b", "a\0b"] {
            assert!(tree.load(path, Vec::new(), 1).is_err(), "{path}");
        }
    }

    #[test]
    fn folders_without_files_are_named() {
        let mut tree = tree(&[("a/f", "")]);
        tree.make_folder(ROOT, "work/b", 2).unwrap();
        tree.make_folder(ROOT, "work/a/c", 2).unwrap();
        assert_eq!(tree.take_changes().empty_folders, ["a/c", "b"]);
    }
}
