use super::changes::Changes;
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
