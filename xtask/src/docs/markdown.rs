//! `docs/configuration.md`.

use std::fmt::Write as _;

use super::document::{Document, Key, Kind, ROOT, SECRET, Table};

const HEAD: &str = "<!-- Written by `cargo xtask docs` from crates/configuration/src/document. Do not edit it. -->\n\n\
                    # Configuration\n\n";

/// The page: a section for each table of the document.
pub fn page(document: &Document) -> String {
    let sections = document.in_order();
    let mut page = HEAD.to_owned();
    for (name, paths) in &sections {
        let Some(table) = document.table(name) else { continue };
        if *name == ROOT {
            page.push_str(&format!("{}\n\n## Every table\n\n", table.meaning));
            for (name, paths) in sections.iter().filter(|(name, _)| *name != ROOT) {
                page.push_str(&format!("* [{}](#{})\n", title(name, paths), anchor(&title(name, paths))));
            }
            page.push_str("\n## The document itself\n\n");
        } else {
            page.push_str(&format!("\n## {}\n\n{}\n\n", title(name, paths), table.meaning));
        }
        page.push_str(&keys(table, &sections));
    }
    page
}

fn keys(table: &Table, sections: &[(&str, Vec<String>)]) -> String {
    let mut rows = String::from("| Key | Type | Default | Allowed | Meaning |\n|---|---|---|---|---|\n");
    for key in &table.keys {
        let default = match &key.default {
            Some(default) => default.as_str(),
            None if key.is_required => "required",
            None if matches!(&key.kind, Kind::Table(name) if name != SECRET) => "",
            None => "none",
        };
        let example = key.example.as_ref().map(|example| format!(" Example: {example}")).unwrap_or_default();
        let cells = [
            format!("`{}`", key.name),
            kind(&key.kind, sections),
            default.to_owned(),
            allowed(key),
            format!("{}{example}", key.meaning),
        ];
        // Writing to a `String` cannot fail.
        let _ = writeln!(rows, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
    }
    rows
}

fn allowed(key: &Key) -> String {
    if let Some((least, most)) = key.bounds {
        return format!("{least} to {most}");
    }
    if let Some(most) = key.most {
        return format!("at most {most}");
    }
    key.values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ")
}

fn kind(kind: &Kind, sections: &[(&str, Vec<String>)]) -> String {
    let link = |name: &str, text: &str| {
        let paths = sections.iter().find(|(known, _)| *known == name).map(|(_, paths)| paths.as_slice());
        format!("[{text}](#{})", anchor(&title(name, paths.unwrap_or_default())))
    };
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Boolean => "boolean".to_owned(),
        Kind::Integer => "integer".to_owned(),
        Kind::Table(name) => link(name, if name == SECRET { "secret" } else { "table" }),
        Kind::List(inner) => match inner.as_ref() {
            Kind::Table(name) => link(name, "tables"),
            Kind::Text => "list of texts".to_owned(),
            other => format!("list of {}", self::kind(other, sections)),
        },
        Kind::Map(inner) => match inner.as_ref() {
            Kind::Table(name) => format!("table of {}", link(name, if name == SECRET { "secrets" } else { "tables" })),
            Kind::Text => "table of texts".to_owned(),
            other => format!("table of {}", self::kind(other, sections)),
        },
    }
}

fn title(name: &str, paths: &[String]) -> String {
    if name == SECRET {
        return "Secrets".to_owned();
    }
    paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ")
}

/// The anchor that GitHub gives a heading.
fn anchor(title: &str) -> String {
    let kept = title.to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
}
