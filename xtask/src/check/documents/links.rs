//! Links between the pages.

use std::collections::BTreeSet;

use super::page::Page;
use crate::check::tree::Tree;

/// The page where readers begin.
const FIRST: &str = "README.md";
/// The folder whose pages readers must be able to find.
const PAGES: &str = "docs/";

/// The faults in links, and how many links of our own there are.
pub fn faults(tree: &Tree, pages: &[Page]) -> (Vec<String>, usize) {
    let mut faults = Vec::new();
    let mut count = 0;
    for page in pages {
        for (link, line) in page.links.iter().filter(|(link, _)| is_ours(link)) {
            count += 1;
            let (path, place) = link.split_once('#').unwrap_or((link, ""));
            let target = target(&page.file, path);
            if !target.as_deref().is_some_and(|target| tree.holds(target)) {
                faults.push(format!("{}:{line}: there is no {link}", page.file));
            } else if let Some(other) = pages.iter().find(|page| Some(&page.file) == target.as_ref())
                && !place.is_empty()
                && !other.anchors.contains(place)
            {
                faults.push(format!("{}:{line}: {} has no heading #{place}", page.file, other.file));
            }
        }
    }
    let found = reachable(pages);
    let lost = pages.iter().filter(|page| page.file.starts_with(PAGES) && !found.contains(page.file.as_str()));
    faults.extend(lost.map(|page| format!("{}: no way of links leads here from {FIRST}", page.file)));
    (faults, count)
}

/// Whether a link leads to a file of the repository, and not to a server or a mail program.
fn is_ours(link: &str) -> bool {
    let scheme = link.split_once(':').map(|(scheme, _)| scheme);
    !scheme.is_some_and(|scheme| scheme.chars().all(|c| c.is_ascii_alphanumeric())) && !link.starts_with("//")
}

/// The file that a link in `file` leads to, by its path from the root; `None` where it leaves the repository.
fn target(file: &str, link: &str) -> Option<String> {
    if link.is_empty() {
        return Some(file.to_owned());
    }
    let mut folders: Vec<&str> = file.split('/').collect();
    folders.pop();
    for word in link.trim_end_matches('/').split('/') {
        match word {
            "." => {}
            ".." => {
                folders.pop()?;
            }
            word => folders.push(word),
        }
    }
    Some(folders.join("/"))
}

fn reachable(pages: &[Page]) -> BTreeSet<&str> {
    let mut found = BTreeSet::from([FIRST]);
    let mut next = vec![FIRST];
    while let Some(file) = next.pop() {
        let links = pages.iter().filter(|page| page.file == file).flat_map(|page| &page.links);
        let targets: Vec<String> = links
            .filter(|(link, _)| is_ours(link))
            .filter_map(|(link, _)| target(file, link.split('#').next().unwrap_or_default()))
            .collect();
        for page in pages.iter().filter(|page| targets.contains(&page.file)) {
            if found.insert(&page.file) {
                next.push(&page.file);
            }
        }
    }
    found
}
