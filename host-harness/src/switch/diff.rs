//! What a change of a config looks like, as a unified diff.

use std::path::Path;

const CONTEXT: usize = 3;

/// The difference of two texts as one hunk; empty if there is none.
pub(crate) fn unified(path: &Path, before: &str, after: &str) -> String {
    if before == after {
        return String::new();
    }
    let (old, new): (Vec<&str>, Vec<&str>) =
        (before.split_inclusive('\n').collect(), after.split_inclusive('\n').collect());
    let same_above = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let most_below = old.len().min(new.len()) - same_above;
    let same_below =
        old.iter().rev().zip(new.iter().rev()).take(most_below).take_while(|(old, new)| old == new).count();
    let begin = same_above.saturating_sub(CONTEXT);
    let behind = same_below.min(CONTEXT);
    let (old_end, new_end) = (old.len() - same_below, new.len() - same_below);
    let mut text = format!(
        "--- {path}\n+++ {path}\n@@ -{} +{} @@\n",
        range(begin, old_end + behind),
        range(begin, new_end + behind),
        path = path.display()
    );
    lines(&mut text, ' ', &old[begin..same_above]);
    lines(&mut text, '-', &old[same_above..old_end]);
    lines(&mut text, '+', &new[same_above..new_end]);
    lines(&mut text, ' ', &old[old_end..old_end + behind]);
    text
}

/// The first line, counted from 1, and the number of lines; before the first line stands the 0th.
fn range(begin: usize, end: usize) -> String {
    let count = end - begin;
    format!("{},{count}", if count == 0 { begin } else { begin + 1 })
}

fn lines(text: &mut String, mark: char, lines: &[&str]) {
    for line in lines {
        text.push(mark);
        text.push_str(line);
        if !line.ends_with('\n') {
            text.push_str("\n\\ No newline at end of file\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(before: &str, after: &str) -> String {
        unified(Path::new("a.json"), before, after)
    }

    #[test]
    fn one_hunk_has_three_lines_around_it() {
        assert_eq!(
            diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\n5\nnew\n7\n8\n9\n"),
            "--- a.json\n+++ a.json\n@@ -3,7 +3,7 @@\n 3\n 4\n 5\n-6\n+new\n 7\n 8\n 9\n"
        );
    }

    #[test]
    fn lines_that_come_or_go_at_the_ends_are_counted() {
        assert_eq!(diff("a\n", "b\na\n"), "--- a.json\n+++ a.json\n@@ -1,1 +1,2 @@\n+b\n a\n");
        assert_eq!(diff("", "b\n"), "--- a.json\n+++ a.json\n@@ -0,0 +1,1 @@\n+b\n");
        assert_eq!(diff("a\na\n", "a\n"), "--- a.json\n+++ a.json\n@@ -1,2 +1,1 @@\n a\n-a\n");
        assert_eq!(diff("a\n", "a\n"), "");
    }

    #[test]
    fn a_missing_end_of_the_last_line_is_told() {
        let expected = "--- a.json\n+++ a.json\n@@ -1,1 +1,1 @@\n-{}\n\\ No newline at end of file\n+{a}\n\\ No newline at end of file\n";
        assert_eq!(diff("{}", "{a}"), expected);
    }
}
