use super::*;
use crate::check::example;

const README: (&str, &str) = ("README.md", "# Title\n\n[all](docs/all.md)\n");
const SOURCE: (&str, &str) = ("crates/a/src/tests.rs", "#[test]\nfn a_test_that_is_there() {}\n");

/// The faults of a repository with a README, a page `docs/all.md` of this text, and a source file with one test.
fn faults(page: &str) -> Vec<String> {
    let (_folder, tree) = example::repository(&[README, SOURCE, ("docs/all.md", page)]);
    report(&tree).unwrap().faults
}

#[test]
fn a_page_that_names_what_is_there_has_no_fault() {
    let page = "## A part\n\n`crates/a/src/tests.rs::a_test_that_is_there`, `a/src/tests::a_test_that_is_there`, `crates/*/src`, \
                `crates/{a}/`, [here](#a-part), [top](../README.md#title), [folder](../crates), [far](https://example.com/x#y)\n";
    assert_eq!(faults(page), Vec::<String>::new());
}

#[test]
fn a_test_that_is_not_there_is_told_with_its_line() {
    let expected = ["docs/all.md:3: there is no test anything::a_test_that_is_gone"];
    assert_eq!(faults("one\n\n`anything::a_test_that_is_gone`\n"), expected);
}

#[test]
fn a_test_in_another_file_than_the_named_one_is_told() {
    let expected = ["docs/all.md:1: there is no test docs/all.md::a_test_that_is_there"];
    assert_eq!(faults("`docs/all.md::a_test_that_is_there`\n"), expected);
}

#[test]
fn a_file_that_is_not_there_is_told_and_a_pattern_or_a_path_of_a_url_is_not() {
    let page = "`crates/b/src/lib.rs` `crates/<name>/` `crates/NAME` `crates/…` `tools/call` `/authorize`\n";
    assert_eq!(faults(page), ["docs/all.md:1: there is no crates/b/src/lib.rs"]);
}

#[test]
fn a_folder_that_git_ignores_may_be_named_before_it_is_there() {
    let ignored = (".gitignore", "node_modules/\n");
    let page = ("docs/all.md", "`crates/a/node_modules` `crates/a/other`\n");
    let (_folder, tree) = example::repository(&[README, SOURCE, ignored, page]);
    assert_eq!(report(&tree).unwrap().faults, ["docs/all.md:1: there is no crates/a/other"]);
}

#[test]
fn a_short_form_means_what_the_page_says() {
    let page = "`short/x` is `crates/a/src/x.rs`. `short/tests::a_test_that_is_there`, `short/gone`\n";
    assert_eq!(faults(page), ["docs/all.md:1: there is no short/gone"]);
}

#[test]
fn links_to_a_missing_file_or_heading_are_told() {
    let faults = faults("[a](b.md)\n[c](../README.md#other)\n[d](../../outside)\n");
    let expected = [
        "docs/all.md:1: there is no b.md",
        "docs/all.md:2: README.md has no heading #other",
        "docs/all.md:3: there is no ../../outside",
    ];
    assert_eq!(faults, expected);
}

#[test]
fn a_page_that_no_link_leads_to_is_told() {
    let (_folder, tree) =
        example::repository(&[README, ("docs/all.md", "[b](b.md)"), ("docs/b.md", ""), ("docs/c.md", "")]);
    let report = report(&tree).unwrap();
    assert_eq!(report.faults, ["docs/c.md: no way of links leads here from README.md"]);
    assert_eq!(report.summary, "4 pages with 2 links, 0 paths and 0 tests");
}

#[test]
fn our_own_documents_have_no_fault() {
    let report = run(&crate::workspace::Workspace::of_this_build().unwrap()).unwrap();
    assert_eq!(report.faults, Vec::<String>::new(), "{}", report.summary);
}

#[test]
fn every_case_has_a_row() {
    let workspace = crate::workspace::Workspace::of_this_build().unwrap();
    let text = std::fs::read_to_string(workspace.path("docs/cases.md")).unwrap();
    for case in 1..=22 {
        assert!(text.contains(&format!("\n| S{case} |")), "S{case}");
    }
}

/// A row of the tables in docs/reliability.md is a fault, with the test that shows it in its last cell; but for those of the soak's figures.
#[test]
fn every_fault_has_a_test_and_every_test_of_a_fault_has_a_row() {
    let workspace = crate::workspace::Workspace::of_this_build().unwrap();
    let text = std::fs::read_to_string(workspace.path("docs/reliability.md")).unwrap();
    let (faults, _crowds) = text.split_once("\n## Crowds\n").unwrap();
    let rows = faults.lines().filter(|line| line.starts_with("| ") && !line.ends_with("| Test |"));
    let rows: Vec<_> = rows.map(|row| row.trim_end_matches(" |").rsplit(" | ").next().unwrap()).collect();
    assert!(rows.len() >= 30, "{}", rows.len());
    for test in &rows {
        assert!(test.starts_with('`') && test.ends_with('`') && test.contains("::"), "{test}");
    }
    for file in std::fs::read_dir(workspace.path("tests/tests/faults")).unwrap() {
        let path = file.unwrap().path();
        let source = std::fs::read_to_string(&path).unwrap();
        let tests = source.split("#[tokio::test(flavor = \"multi_thread\")]\nasync fn ").skip(1);
        for name in tests.map(|rest| rest.split('(').next().unwrap()) {
            let row = format!("`faults/{}::{name}`", path.file_stem().unwrap().display());
            assert!(rows.contains(&row.as_str()) || name.starts_with("every_host_"), "{row} has no row");
        }
    }
}
