//! Takes out of scripts and styles what only people read: comments, and blanks that part nothing.

use std::iter::Peekable;
use std::str::Chars;

/// A script that does the same in fewer bytes.
pub(super) fn script(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let (mut blank, mut line) = (false, false);
    while let Some(sign) = rest.next() {
        if sign.is_ascii_whitespace() {
            blank = true;
            line |= sign == '\n';
            continue;
        }
        if sign == '/' && rest.peek() == Some(&'/') {
            skip_line(&mut rest);
            continue;
        }
        if blank {
            out.extend(between(out.chars().next_back(), sign, line));
            (blank, line) = (false, false);
        }
        // Behind the last of several nothing has to stand.
        if ")]}".contains(sign) && out.ends_with(',') {
            out.pop();
        }
        let is_regex = sign == '/' && begins_regex(&out);
        out.push(sign);
        match sign {
            '"' | '\'' => copy_quoted(sign, &mut rest, &mut out),
            '`' => copy_template(&mut rest, &mut out),
            '/' if is_regex => copy_regex(&mut rest, &mut out),
            _ => {}
        }
    }
    out
}

/// What has to stand between two signs that have blanks between them. A line's end stays where it may end a statement.
fn between(before: Option<char>, after: char, line: bool) -> Option<char> {
    let before = before?;
    if line && !"{([,;:?=&|<>!".contains(before) && !")]},;:?.&|=".contains(after) {
        return Some('\n');
    }
    let is_word = |sign: char| sign.is_alphanumeric() || sign == '_' || sign == '$';
    let would_merge = (is_word(before) && is_word(after)) || (before == after && "+-/".contains(before));
    would_merge.then_some(' ')
}

fn skip_line(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|sign| *sign != '\n').is_some() {}
}

fn copy_quoted(mark: char, rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    while let Some(sign) = rest.next() {
        out.push(sign);
        match sign {
            '\\' => out.extend(rest.next()),
            _ if sign == mark => return,
            _ => {}
        }
    }
}

/// A template as it stands, with what is set into it.
fn copy_template(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    while let Some(sign) = rest.next() {
        out.push(sign);
        match sign {
            '\\' => out.extend(rest.next()),
            '`' => return,
            '$' if rest.peek() == Some(&'{') => copy_set_in(rest, out),
            _ => {}
        }
    }
}

fn copy_set_in(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    let mut depth = 0_usize;
    while let Some(sign) = rest.next() {
        out.push(sign);
        match sign {
            '"' | '\'' => copy_quoted(sign, rest, out),
            '`' => copy_template(rest, out),
            '{' => depth = depth.saturating_add(1),
            '}' if depth <= 1 => return,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
}

fn begins_regex(before: &str) -> bool {
    before.chars().next_back().is_none_or(|sign| "(,=:[!&|?{};".contains(sign)) || before.ends_with("return")
}

fn copy_regex(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    let mut in_class = false;
    while let Some(sign) = rest.next() {
        out.push(sign);
        match sign {
            '\\' => out.extend(rest.next()),
            '[' => in_class = true,
            ']' => in_class = false,
            '/' if !in_class => return,
            _ => {}
        }
    }
}

/// A style sheet that says the same in fewer bytes.
pub(super) fn style(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, behind)) = rest.split_once("/*") {
        squeeze_style(plain, &mut out);
        rest = behind.split_once("*/").map_or("", |(_, behind)| behind);
    }
    squeeze_style(rest, &mut out);
    out
}

fn squeeze_style(text: &str, out: &mut String) {
    let mut blank = false;
    for sign in text.chars() {
        if sign.is_ascii_whitespace() {
            blank = true;
            continue;
        }
        let before = out.chars().next_back();
        if blank && before.is_some_and(|before| !"{};,>".contains(before)) && !"{};,>".contains(sign) {
            out.push(' ');
        }
        blank = false;
        out.push(sign);
    }
}
