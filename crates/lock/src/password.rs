//! Passwords in addresses (RFC 3986, 3.2.1): what is printed shows none, and no file that is shared gets one.
//!
//! An address may be no good, which is when it is printed most of all. So this reads text, not addresses.

use std::borrow::Cow;
use std::ops::Range;

/// What stands in place of a user's name and password; uv and pip show a password like this.
const HIDDEN: &str = "****";

/// What begins an authority.
const BEGIN: &str = "://";

/// The name under which servers of git serve everybody's key.
const GIT: &str = "git";

/// The text, without the users and passwords of the addresses in it: a token may stand in either place.
#[must_use]
pub fn without_passwords(text: &str) -> Cow<'_, str> {
    let mut hidden = String::new();
    let mut end = 0;
    for user in users(text).filter(|user| !is_public(text, user)) {
        hidden.push_str(&text[end..user.start]);
        hidden.push_str(HIDDEN);
        end = user.end;
    }
    match end {
        0 => Cow::Borrowed(text),
        end => Cow::Owned(hidden + &text[end..]),
    }
}

/// The first address in the text that has a password, without it.
#[must_use]
pub fn address_with_password(text: &str) -> Option<String> {
    let user = users(text).find(|user| has_password(&text[user.clone()]))?;
    let begin = text[..user.start].rfind(ends_address).map_or(0, |before| before + 1);
    let rest = &text[user.end..];
    let rest = &rest[..rest.find(ends_address).unwrap_or(rest.len())];
    Some(format!("{}{HIDDEN}{rest}", &text[begin..user.start]))
}

/// Where the addresses in the text name users.
fn users(text: &str) -> impl Iterator<Item = Range<usize>> {
    let begins = text.match_indices(BEGIN).map(|(at, begin)| at + begin.len());
    begins.filter_map(|start| {
        let length = user(&text[start..])?;
        (length > 0).then_some(start..start + length)
    })
}

/// The length of the user's name and password with which `rest` begins; an `@` follows them.
fn user(rest: &str) -> Option<usize> {
    let end = rest.find(|letter| ends_address(letter) || "/?#".contains(letter));
    let authority = &rest[..end.unwrap_or(rest.len())];
    if let Some(at) = authority.rfind('@') {
        return Some(at);
    }
    // A password with a letter that it cannot have. What is no user has a port there, or nothing, as before a sentence.
    let (_host, port) = authority.split_once(':').filter(|_| !authority.starts_with('['))?;
    if port.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let line = rest.lines().next()?;
    let line = line.split(BEGIN).next()?;
    line.find('@')
}

fn ends_address(letter: char) -> bool {
    letter.is_whitespace() || "\"'`<>\\".contains(letter)
}

fn has_password(user: &str) -> bool {
    user.split_once(':').is_some_and(|(_, password)| !password.is_empty())
}

/// Whether the user's name is one that is no secret: of a key, or of everybody.
fn is_public(text: &str, user: &Range<usize>) -> bool {
    let scheme = text[..user.start].trim_end_matches(BEGIN);
    let name = &text[user.clone()];
    !has_password(name) && (name == GIT || scheme.ends_with("ssh"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        assert_eq!(without_passwords(text), expect);
    }

    #[test]
    fn addresses() {
        check(
            "'x @ https://user:secret@host:8080/a@b?c#d'",
            "'x @ https://****@host:8080/a@b?c#d'",
        );
        check("git+https://token@host/x.git@main", "git+https://****@host/x.git@main");
        check("https://:p@a, http://u:p@[::1]/", "https://****@a, http://****@[::1]/");
        check(
            "https://u:p@x@host/ é https://u:${PW}@host",
            "https://****@host/ é https://****@host",
        );
    }

    #[test]
    fn addresses_that_are_none() {
        check("value 'https://user:secret@ho st/' for", "value 'https://****@ho st/' for");
        check("https://user:se cret@host/", "https://****@host/");
        check("https://user:se/c'r?et@host/", "https://****@host/");
        check("://a:b@", "://****@");
    }

    #[test]
    fn no_secrets() {
        for text in [
            "https://host:80/@scope/x@1",
            "https://host: mail a@b",
            "https://[::1]:80/ a@b",
            "ssh://git@host/x, git+ssh://me@host/x, git+https://git@host/x",
            "https://user:x\nmail a@b",
            "https://@host/",
            "",
        ] {
            check(text, text);
            assert_eq!(address_with_password(text), None, "{text}");
        }
    }

    #[test]
    fn first_with_a_password() {
        let found = |text| address_with_password(text);
        let lock =
            "url = \"https://user@host/a\"\nurl = \"https://user:secret@host/b.whl\", size = 3";
        assert_eq!(found(lock).as_deref(), Some("https://****@host/b.whl"));
        assert_eq!(found("git+ssh://a:b@c").as_deref(), Some("git+ssh://****@c"));
        assert_eq!(found("https://user:@host"), None);
    }
}
