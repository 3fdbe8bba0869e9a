//! One Markdown file, as far as the checks need it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::check::tree::Tree;

/// A page, by its path.
pub struct Page {
    pub file: String,
    /// Where its links and pictures lead, with the lines.
    pub links: Vec<(String, usize)>,
    /// Its code spans, with the lines.
    pub spans: Vec<(String, usize)>,
    /// The names by which links reach its headings.
    pub anchors: BTreeSet<String>,
}

impl Page {
    /// Reads a file of the tree.
    pub fn read(tree: &Tree, file: &str) -> Result<Self> {
        Ok(Self::parse(file, &tree.read(file)?))
    }

    fn parse(file: &str, text: &str) -> Self {
        let mut page = Self { file: file.to_owned(), links: Vec::new(), spans: Vec::new(), anchors: BTreeSet::new() };
        let mut seen = BTreeMap::new();
        let mut heading: Option<String> = None;
        let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES;
        for (event, place) in Parser::new_ext(text, options).into_offset_iter() {
            let line = text.get(..place.start).unwrap_or(text).matches('\n').count() + 1;
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push((dest_url.into_string(), line));
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    page.anchors.insert(anchor(&heading.take().unwrap_or_default(), &mut seen));
                }
                Event::Code(code) => {
                    heading.iter_mut().for_each(|heading| heading.push_str(&code));
                    page.spans.push((code.into_string(), line));
                }
                Event::Text(text) => heading.iter_mut().for_each(|heading| heading.push_str(&text)),
                _ => {}
            }
        }
        page
    }
}

/// The name that GitHub gives to a heading; later ones of the same words get a number.
fn anchor(heading: &str, seen: &mut BTreeMap<String, usize>) -> String {
    let words: String = heading
        .trim()
        .chars()
        .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c))
        .flat_map(char::to_lowercase)
        .map(|c| if c == ' ' { '-' } else { c })
        .collect();
    let earlier = seen.entry(words.clone()).or_insert(0);
    *earlier += 1;
    if *earlier == 1 { words } else { format!("{words}-{}", *earlier - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_have_the_names_that_github_gives_them() {
        let page = Page::parse("a.md", "# What `x` costs, in £\n\n## Again\n\n## Again\n");
        let expected = ["again", "again-1", "what-x-costs-in-"];
        assert_eq!(page.anchors.iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_listing_holds_neither_links_nor_spans() {
        let page = Page::parse("a.md", "one `span` and\n[a link](b.md)\n\n```text\n`no span` [no link](c.md)\n```\n");
        assert_eq!(page.spans, [("span".to_owned(), 1)]);
        assert_eq!(page.links, [("b.md".to_owned(), 2)]);
    }
}
