//! The compiled form of a configuration, altered. The input is a list of edits, four bytes each: a place, what is done there,
//! and a byte; then a text that is read by itself.
//!
//! What must hold: nothing panics, and a part that is given out is one that was compiled, whatever became of the rest. The
//! text is a setting, or one line says why not.

#![no_main]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use gatehouse_configuration::{Part, Source, compile};
use gatehouse_fuzz::{DOCUMENT, whole_configuration};
use libfuzzer_sys::fuzz_target;

static COMPILED: LazyLock<String> = LazyLock::new(|| compile(DOCUMENT).expect("a document"));
/// Every part, as it was compiled.
static PARTS: LazyLock<BTreeSet<String>> = LazyLock::new(|| parts_of(&COMPILED).into_iter().collect());

fuzz_target!(|data: &[u8]| {
    let (edits, text) = data.split_at(data.len().min(16));
    let mut altered = COMPILED.as_bytes().to_vec();
    for edit in edits.chunks_exact(4) {
        let place = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % altered.len().max(1);
        match edit[2] % 4 {
            0 => altered.truncate(place),
            1 => altered.insert(place, edit[3]),
            2 if place < altered.len() => drop(altered.remove(place)),
            _ => altered.iter_mut().skip(place).take(1).for_each(|byte| *byte = edit[3]),
        }
    }
    if let Ok(altered) = String::from_utf8(altered) {
        assert!(parts_of(&altered).iter().all(|part| PARTS.contains(part)), "{altered}");
    }
    if let Ok(text) = core::str::from_utf8(text) {
        parts_of(&format!("gatehouse-configuration/6 {text}"));
        parts_of(text);
    }
});

/// Those that are given out. Of the others, a line says why.
fn parts_of(setting: &str) -> Vec<String> {
    let source = match Source::read(setting.to_owned()) {
        Ok(source) => source,
        Err(error) => return is_one_line(&error.to_string()),
    };
    let paths = whole_configuration().routes.iter().map(|route| Part::Route(route.path.as_str()));
    let parts = [Part::Gateway, Part::AuthorizationServer, Part::Servers, Part::OnlyRoute].into_iter().chain(paths);
    let given = parts.filter_map(|part| {
        source.part(&part).unwrap_or_else(|error| {
            is_one_line(&error.to_string());
            None
        })
    });
    given.map(|text| text.into_owned()).collect()
}

fn is_one_line(text: &str) -> Vec<String> {
    assert!(text.starts_with("the configuration ") && !text.contains(char::is_control), "{text:?}");
    Vec::new()
}
