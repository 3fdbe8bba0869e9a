//! Tables in documents that are what was measured.

use std::collections::BTreeMap;

use crate::paths::repository;

/// Where this is set, tables are written and not compared.
const WRITE: &str = "GATEHOUSE_WRITE_TABLES";

/// A table of a document, between two lines that are comments. The first cell of each row is its name.
pub struct Table {
    /// The document's path in the repository.
    pub document: &'static str,
    /// What stands in the line before it: `written by tests/tests/WRITER`.
    pub writer: &'static str,
    /// The first line.
    pub columns: &'static [&'static str],
}

impl Table {
    /// Compares the document with the rows that were measured, or writes them into it. Other rows of `names` stay as they
    /// are: they did not run this time.
    pub fn check(&self, names: &[&str], measured: &BTreeMap<&str, Vec<String>>) {
        let path = repository().join(self.document);
        let document = std::fs::read_to_string(&path).expect("the document");
        let begin = format!("<!-- written by tests/tests/{} -->\n", self.writer);
        let end = "<!-- until here -->\n";
        let (before, rest) = document.split_once(&begin).expect("the line where the table begins");
        let (current, after) = rest.split_once(end).expect("the line where the table ends");
        let table = self.text(names, measured, &rows_of(current));
        if std::env::var_os(WRITE).is_some() {
            std::fs::write(&path, format!("{before}{begin}{table}{end}{after}")).expect("the document can be written");
        } else {
            let document = self.document;
            assert_eq!(current, table, "{document} says something else; set {WRITE}=1 to write what was measured");
        }
    }

    fn text(&self, names: &[&str], measured: &BTreeMap<&str, Vec<String>>, current: &BTreeMap<&str, &str>) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let columns: Vec<_> = self.columns.iter().map(|column| (*column).to_owned()).collect();
        let mut text = line(&columns) + &line(&vec!["---".to_owned(); columns.len()]);
        for name in names {
            match (measured.get(name), current.get(name)) {
                (Some(cells), _) => text += &line(&[vec![(*name).to_owned()], cells.clone()].concat()),
                (None, Some(row)) => text += &format!("{row}\n"),
                // It has not run yet, anywhere.
                (None, None) => {}
            }
        }
        format!("\n{text}\n")
    }
}

/// The rows of a table by their names.
fn rows_of(table: &str) -> BTreeMap<&str, &str> {
    let rows = table.lines().filter_map(|row| Some((row.strip_prefix("| ")?.split(" | ").next()?, row)));
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Table = Table { document: "", writer: "", columns: &["Name", "Works"] };

    #[test]
    fn a_row_that_did_not_run_stays_and_one_that_ran_is_what_was_measured() {
        let current = "\n| Name | Works |\n| --- | --- |\n| a | yes |\n| b | yes |\n| gone | yes |\n\n";
        let measured = BTreeMap::from([("b", vec!["no".to_owned()])]);
        let text = TABLE.text(&["a", "b", "never"], &measured, &rows_of(current));
        assert_eq!(text, "\n| Name | Works |\n| --- | --- |\n| a | yes |\n| b | no |\n\n");
    }
}
