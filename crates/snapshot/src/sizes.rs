//! Whose the bytes of a snapshot are.
//!
//! Others know what lies where in a memory (interpreter, modules, JavaScript
//! heap, files); this only counts.

use std::collections::BTreeMap;
use std::ops::Range;

/// A part of the memory, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The name; one owner may have several parts.
    pub name: String,
    /// The addresses.
    pub range: Range<u64>,
}

/// How much is an owner's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Size {
    /// The name of the owner; none for what has no owner.
    pub owner: Option<String>,
    /// How many bytes.
    pub bytes: u64,
}

/// Counts the bytes of `ranges` by owner, largest first. The ranges must not
/// overlap, as those of a snapshot's runs or of a difference's extents. Where
/// owners overlap, it belongs to the one that begins first.
#[must_use]
pub fn sizes(ranges: impl IntoIterator<Item = Range<u64>>, owners: &[Owner]) -> Vec<Size> {
    let parts = disjoint(owners);
    let mut sizes: BTreeMap<Option<&str>, u64> = BTreeMap::new();
    for range in ranges {
        if range.is_empty() {
            continue;
        }
        let mut unowned = range.end - range.start;
        let first = parts.partition_point(|(part, _)| part.end <= range.start);
        for (part, name) in parts[first..].iter().take_while(|(part, _)| part.start < range.end) {
            let bytes = part.end.min(range.end) - part.start.max(range.start);
            *sizes.entry(Some(name)).or_default() += bytes;
            unowned -= bytes;
        }
        *sizes.entry(None).or_default() += unowned;
    }
    let size =
        |(owner, bytes): (Option<&str>, u64)| Size { owner: owner.map(str::to_owned), bytes };
    let mut sizes: Vec<Size> = sizes.into_iter().map(size).filter(|size| size.bytes > 0).collect();
    sizes.sort_by_key(|size| std::cmp::Reverse(size.bytes));
    sizes
}

/// The owners' parts by address, without what another has already.
fn disjoint(owners: &[Owner]) -> Vec<(Range<u64>, &str)> {
    let mut sorted: Vec<&Owner> = owners.iter().collect();
    sorted.sort_by_key(|owner| owner.range.start);
    let mut taken = 0;
    let mut parts = Vec::with_capacity(sorted.len());
    for Owner { name, range } in sorted {
        let start = range.start.max(taken);
        if start < range.end {
            parts.push((start..range.end, name.as_str()));
            taken = range.end;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the sizes of ranges (start, end) for owners (name, start, end).
    #[track_caller]
    fn check(ranges: &[(u64, u64)], owners: &[(&str, u64, u64)], expected: &str) {
        let owner = |(name, start, end): &(&str, u64, u64)| Owner {
            name: (*name).to_owned(),
            range: *start..*end,
        };
        let owners: Vec<_> = owners.iter().map(owner).collect();
        let sizes = sizes(ranges.iter().map(|(start, end)| *start..*end), &owners);
        let show = |size: &Size| format!("{} {}", size.owner.as_deref().unwrap_or("-"), size.bytes);
        assert_eq!(sizes.iter().map(show).collect::<Vec<_>>().join(", "), expected);
    }

    #[test]
    fn nobody_owns() {
        check(&[], &[], "");
        check(&[(5, 9)], &[], "- 4");
        check(&[(5, 9)], &[("a", 0, 5), ("b", 9, 20)], "- 4");
    }

    #[test]
    fn ranges_are_split() {
        check(&[(0, 10), (20, 30)], &[("a", 5, 25), ("b", 25, 26)], "a 10, - 9, b 1");
    }

    #[test]
    fn parts_of_an_owner_are_summed() {
        check(&[(0, 10)], &[("a", 0, 1), ("b", 2, 4), ("a", 9, 30)], "- 6, a 2, b 2");
    }

    #[test]
    fn the_first_of_two_owners_has_it() {
        let owners = [("inner", 2, 3), ("late", 4, 20), ("outer", 0, 6)];
        check(&[(0, 10)], &owners, "outer 6, late 4");
    }

    #[test]
    fn backward_ranges_are_empty() {
        check(&[(9, 5), (1, 2)], &[("a", 7, 3)], "- 1");
    }
}
