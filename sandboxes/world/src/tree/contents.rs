//! What is in files, and the room that it takes.

use super::{Content, Failure, Id, Tree};

impl Tree {
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

    pub(super) fn file_size(&self, id: Id) -> Result<usize, Failure> {
        match &self.node(id)?.content {
            Content::File(bytes) => Ok(bytes.len()),
            Content::Folder(_) => Err(Failure::IsFolder),
        }
    }

    /// Counts the bytes that a file is to have.
    pub(super) fn grow(&mut self, id: Id, size: usize) -> Result<(), Failure> {
        let (most, more) = (self.room.bytes, size.saturating_sub(self.file_size(id)?));
        let used = self.used(id)?;
        if used.bytes.saturating_add(more) > most {
            self.refused = true;
            return Err(Failure::NoRoom);
        }
        used.bytes += more;
        Ok(())
    }
}
