//! What the tests of this crate share.

use gatehouse_protocol::{Entropy, Subject, UnixTime};
use gatehouse_sealed_storage::sealing::KeyRing;
use sandbox_run::TreePath;

use crate::Contents;

/// On the minute, the hour and the day.
pub const NOW: UnixTime = UnixTime::from_seconds(1_795_219_200);

/// Repeatable, and different for every call.
pub struct Counting(pub u8);

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 = self.0.wrapping_add(1);
        bytes.fill(self.0);
    }
}

/// A ring of server keys: 43 characters of each letter are one.
pub fn key_ring(letters: &str) -> KeyRing {
    let entries: Vec<_> =
        letters.chars().map(|letter| format!("{letter}:{}", letter.to_string().repeat(42) + "A")).collect();
    KeyRing::parse(&entries.join(",")).unwrap()
}

/// A subject.
pub fn subject(text: &str) -> Subject {
    Subject::parse(text).unwrap()
}

/// The path of a file.
pub fn path(text: &str) -> TreePath {
    TreePath::parse(text).unwrap()
}

/// Contents with these files, and a state of each language.
pub fn contents(files: &[(&str, &str)]) -> Contents {
    let files = files.iter().map(|(at, text)| (path(at), text.as_bytes().to_vec())).collect();
    Contents { files, shell: b"sh".to_vec(), python: b"py".to_vec() }
}
