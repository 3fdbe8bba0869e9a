//! The table in docs/conformance.md.

use gatehouse_tests::repository;

use crate::clients::CLIENTS;
use crate::upstreams::UPSTREAMS;

/// Between these lines is the table.
const BEGIN: &str = "<!-- written by tests/tests/matrix -->\n";
const END: &str = "<!-- until here -->\n";
/// Where this is set, the table is written and not compared.
const WRITE: &str = "GATEHOUSE_WRITE_MATRIX";

/// Compares the document with `cells`, row by row, or writes them into it.
pub(crate) fn check(cells: &[&str]) {
    let path = repository().join("docs/conformance.md");
    let document = std::fs::read_to_string(&path).expect("the document");
    let (before, rest) = document.split_once(BEGIN).expect("the line where the table begins");
    let (current, after) = rest.split_once(END).expect("the line where the table ends");
    let measured = table(cells);
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{measured}{END}{after}")).expect("the document can be written");
    } else {
        assert_eq!(
            current, measured,
            "docs/conformance.md says something else; set {WRITE}=1 to write what was measured"
        );
    }
}

fn table(cells: &[&str]) -> String {
    let line = |first: &str, others: &mut dyn Iterator<Item = &str>| {
        others.fold(format!("| {first} |"), |line, cell| format!("{line} {cell} |")) + "\n"
    };
    let mut text = line("Client, before a server of", &mut UPSTREAMS.iter().map(|upstream| upstream.name));
    text += &line("---", &mut UPSTREAMS.iter().map(|_| "---"));
    for (client, row) in CLIENTS.iter().zip(cells.chunks(UPSTREAMS.len())) {
        text += &line(client.name, &mut row.iter().copied());
    }
    format!("\n{text}\n")
}
