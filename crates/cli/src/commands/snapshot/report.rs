//! Describes snapshots: tables for people, JSON for programs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use taipan_runtime::SnapshotFile;
use taipan_snapshot::{Change, Extent, Kind, PAGE_BYTES, Snapshot};
use taipan_worker::{ModuleSize, Owners};

use crate::failure::Failure;
use crate::size::size;

/// Modules that a table names; JSON has them all.
const MODULES_SHOWN: usize = 20;

/// Files that a table names.
const FILES_SHOWN: usize = 5;

/// The width of an owner's name in a table of 80 columns.
const NAME_COLUMNS: usize = 42;

/// An owner of memory: how much it has in one snapshot and in another.
struct Row {
    name: String,
    before: u64,
    after: u64,
}

impl Row {
    /// Positive: it grew.
    fn growth(&self) -> i128 {
        i128::from(self.after) - i128::from(self.before)
    }
}

/// What a snapshot is, and what its bytes belong to: `(owners in the baseline, owners in the snapshot)`.
pub(super) fn inspection(
    file: &SnapshotFile,
    owners: Option<(&Owners, &Owners)>,
    json: bool,
) -> Result<String, Failure> {
    let snapshot = &file.snapshot;
    if json {
        let owners = owners.map(|(baseline, owners)| owners_json(baseline, owners));
        let mut value = head_json(file)?;
        value["owners"] = owners.unwrap_or(Value::Null);
        return Ok(format!("{value:#}\n"));
    }
    let mut text = head(file)?;
    if let Some((baseline, owners)) = owners {
        text += &format!("\n{}", table(baseline, owners, ("SNAPSHOT", "SINCE BOOT")));
        if let Kind::Baseline = snapshot.provenance.kind {
            text += "\nThis is the baseline of a bundle: a snapshot without a worker.\n";
        }
    }
    Ok(text)
}

/// What differs between two snapshots.
pub(super) fn comparison(
    (before, owners_before): (&SnapshotFile, &Owners),
    (after, owners_after): (&SnapshotFile, &Owners),
    pages: &[Extent],
    json: bool,
) -> Result<String, Failure> {
    let count = |change: Change| {
        let extents = pages.iter().filter(|extent| extent.change == change);
        extents
            .map(|extent| (extent.range.end - extent.range.start) / PAGE_BYTES as u64)
            .sum::<u64>()
    };
    let (changed, added, removed) =
        (count(Change::Changed), count(Change::Added), count(Change::Removed));
    let inputs = inputs(&before.snapshot, &after.snapshot);
    if json {
        let value = json!({
            "before": head_json(before)?,
            "after": head_json(after)?,
            "inputs": inputs,
            "pages": {"changed": changed, "added": added, "removed": removed, "bytes": PAGE_BYTES},
            "owners": owners_json(owners_before, owners_after),
        });
        return Ok(format!("{value:#}\n"));
    }
    let (from, to) = (before.snapshot.stored_bytes(), after.snapshot.stored_bytes());
    let mut text = format!("inputs   {}\n", if inputs.is_empty() { "the same" } else { "differ" });
    for (name, differs) in &inputs {
        text += &format!("         {name}: {differs}\n");
    }
    text += &format!(
        "pages    {changed} changed, {added} added, {removed} removed, of {PAGE_BYTES} bytes\n\
         stored   {} -> {} ({})\n\n",
        size(from),
        size(to),
        signed(i128::from(to) - i128::from(from)),
    );
    Ok(text + &table(owners_before, owners_after, ("AFTER", "GROWTH")))
}

/// What two snapshots were made from, where it is not the same.
fn inputs(before: &Snapshot, after: &Snapshot) -> BTreeMap<String, &'static str> {
    let (before, after) = (&before.provenance, &after.provenance);
    let names: BTreeSet<_> = before.inputs.keys().chain(after.inputs.keys()).collect();
    let mut differing: BTreeMap<String, &'static str> = names
        .into_iter()
        .filter_map(|name| match (before.inputs.get(name), after.inputs.get(name)) {
            (None, _) => Some((name.clone(), "only in the later")),
            (_, None) => Some((name.clone(), "only in the earlier")),
            (before, after) => (before != after).then(|| (name.clone(), "another")),
        })
        .collect();
    if before.bundle != after.bundle {
        differing.insert("bundle".to_owned(), "another");
    }
    differing
}

/// What the file itself tells.
fn head(file: &SnapshotFile) -> Result<String, Failure> {
    let snapshot = &file.snapshot;
    let provenance = &snapshot.provenance;
    let mut text = format!("file     {}\n", file.path.display());
    let mut line = |name: &str, value: String| text += &format!("{name:<8} {value}\n");
    line("digest", snapshot.digest.to_string());
    let release = release(snapshot)?.unwrap_or("another Taipan's");
    line("release", release.to_owned());
    line("bundle", provenance.bundle.to_string());
    match provenance.kind {
        Kind::Baseline => line("kind", "a bundle's baseline".to_owned()),
        Kind::Worker { baseline } => line("over", baseline.to_string()),
    }
    for (name, digest) in &provenance.inputs {
        line("made of", format!("{name}\n         {digest}"));
    }
    let read = file.bindings_read()?;
    if !read.is_empty() {
        let names: Vec<_> = read.iter().map(|name| name.escape_debug().to_string()).collect();
        line(
            "env",
            format!(
                "{}\n         was looked at, and is in the snapshot",
                names.join("\n         ")
            ),
        );
    }
    line("memory", size(snapshot.memory_bytes));
    let (pages, runs) = (snapshot.stored_bytes() / PAGE_BYTES as u64, snapshot.runs().len());
    line("stored", format!("{}: {pages} pages in {runs} runs", size(snapshot.stored_bytes())));
    let state = &snapshot.state;
    let counts = [
        (state.functions.len(), "functions"),
        (state.slots.len(), "table elements"),
        (state.reference_tables.iter().map(|table| table.elements.len()).sum(), "references"),
        (state.modules.len(), "modules"),
        (state.instances.len(), "instances"),
        (state.entity_globals.len(), "globals"),
    ];
    let counts: Vec<_> = counts.iter().map(|(count, what)| format!("{count} {what}")).collect();
    line("beside", format!("{}\n         {}", counts[..3].join(", "), counts[3..].join(", ")));
    Ok(text)
}

fn head_json(file: &SnapshotFile) -> Result<Value, Failure> {
    let snapshot = &file.snapshot;
    let (provenance, state) = (&snapshot.provenance, &snapshot.state);
    let (kind, baseline) = match provenance.kind {
        Kind::Baseline => ("baseline", None),
        Kind::Worker { baseline } => ("worker", Some(baseline.to_string())),
    };
    let inputs: BTreeMap<_, _> =
        provenance.inputs.iter().map(|(name, digest)| (name, digest.to_string())).collect();
    let runs: Vec<_> = snapshot
        .runs()
        .iter()
        .map(|run| json!({"address": run.address.0, "bytes": run.bytes}))
        .collect();
    let references: usize = state.reference_tables.iter().map(|table| table.elements.len()).sum();
    Ok(json!({
        "path": file.path.display().to_string(),
        "digest": snapshot.digest.to_string(),
        "kind": kind,
        "release": release(snapshot)?,
        "bundle": provenance.bundle.to_string(),
        "baseline": baseline,
        "inputs": inputs,
        "bindings_read": file.bindings_read()?,
        "memory_bytes": snapshot.memory_bytes,
        "stored_bytes": snapshot.stored_bytes(),
        "file_bytes": snapshot.file_bytes,
        "runs": runs,
        "state": {
            "functions": state.functions.len(),
            "table_elements": state.slots.len(),
            "references": references,
            "modules": state.modules.len(),
            "instances": state.instances.len(),
            "globals": state.entity_globals.len(),
        },
    }))
}

/// The Pyodide version, when its bundle is one of this Taipan's.
fn release(snapshot: &Snapshot) -> Result<Option<&'static str>, Failure> {
    let release = taipan_bundle::release_of(&snapshot.provenance.bundle.0)?;
    Ok(release.map(|release| release.version))
}

/// The owners that are no module.
fn kinds(before: &Owners, after: &Owners) -> Vec<Row> {
    let row = |name: &str, of: fn(&Owners) -> u64| Row {
        name: name.to_owned(),
        before: of(before),
        after: of(after),
    };
    let mut rows = vec![
        row("interpreter", Owners::interpreter),
        row("modules", Owners::python),
        row("JavaScript heap", |owners| owners.javascript),
        row("files", Owners::file_bytes),
    ];
    rows.sort_by_key(|row| std::cmp::Reverse((row.growth(), row.after)));
    rows
}

/// All modules of both, the one that grew most first.
fn modules<'a>(before: &'a Owners, after: &'a Owners) -> Vec<(Row, Option<&'a ModuleSize>)> {
    let index = |owners: &'a Owners| -> BTreeMap<&'a str, &'a ModuleSize> {
        owners.modules.iter().map(|module| (module.name.as_str(), module)).collect()
    };
    let (earlier, later) = (index(before), index(after));
    let names: BTreeSet<&str> = earlier.keys().chain(later.keys()).copied().collect();
    let bytes = |module: Option<&&ModuleSize>| module.map_or(0, |module| module.bytes);
    let mut rows: Vec<_> = names
        .into_iter()
        .map(|name| {
            let (before, after) = (bytes(earlier.get(name)), bytes(later.get(name)));
            (Row { name: name.to_owned(), before, after }, later.get(name).copied())
        })
        .collect();
    rows.sort_by_key(|(row, _)| std::cmp::Reverse((row.growth(), row.after)));
    rows
}

fn owners_json(before: &Owners, after: &Owners) -> Value {
    let row =
        |row: &Row| json!({"bytes": row.after, "growth_bytes": i64::try_from(row.growth()).ok()});
    let kinds: serde_json::Map<String, Value> =
        kinds(before, after).iter().map(|kind| (key(&kind.name), row(kind))).collect();
    let modules = modules(before, after).into_iter().map(|(size, module)| {
        let mut value = row(&size);
        value["name"] = size.name.into();
        value["own"] = module.is_some_and(|module| module.own).into();
        value["objects"] = module.map_or(0, |module| module.objects).into();
        value
    });
    let files = after.files.iter().map(|(path, bytes)| json!({"path": path, "bytes": bytes}));
    json!({
        "sizes": kinds,
        "untouched_bytes": after.untouched,
        "modules": modules.collect::<Vec<_>>(),
        "files": files.collect::<Vec<_>>(),
        "whole": before.whole && after.whole,
    })
}

/// A name as a program wants it: `javascript_heap`.
fn key(name: &str) -> String {
    name.to_lowercase().replace(' ', "_")
}

/// Owners with what they have and by how much it grew, in 80 columns.
fn table(before: &Owners, after: &Owners, (now, growth): (&str, &str)) -> String {
    let mut text = format!("{:<NAME_COLUMNS$} {now:>14} {growth:>14}\n", "OWNER");
    let mut line = |name: &str, row: &Row| {
        let (now, growth) = (size(row.after), signed(row.growth()));
        text += &format!("{:<NAME_COLUMNS$} {now:>14} {growth:>14}\n", cut(name));
    };
    for kind in kinds(before, after) {
        line(&kind.name, &kind);
        match kind.name.as_str() {
            "modules" => module_lines(before, after, &mut line),
            "files" => file_lines(after, &mut line),
            _ => {}
        }
    }
    let row = Row { name: String::new(), before: before.untouched, after: after.untouched };
    line("untouched (takes no memory)", &row);
    if !(before.whole && after.whole) {
        text += "Not all objects were counted, there are too many: the rest is counted as the interpreter.\n";
    }
    text
}

fn module_lines(before: &Owners, after: &Owners, line: &mut impl FnMut(&str, &Row)) {
    let rows = modules(before, after);
    let changed: Vec<_> = rows.iter().filter(|(row, _)| row.growth() != 0).collect();
    for (row, module) in changed.iter().take(MODULES_SHOWN) {
        let own = if module.is_some_and(|module| module.own) { " (the worker's)" } else { "" };
        line(&format!("  {}{own}", row.name), row);
    }
    let shown: Vec<&str> =
        changed.iter().take(MODULES_SHOWN).map(|(row, _)| row.name.as_str()).collect();
    let rest: Vec<_> =
        rows.iter().map(|(row, _)| row).filter(|row| !shown.contains(&&*row.name)).collect();
    let sum =
        |of: fn(&Row) -> u64| rest.iter().fold(0, |sum: u64, row| sum.saturating_add(of(row)));
    if !rest.is_empty() {
        let row =
            Row { name: String::new(), before: sum(|row| row.before), after: sum(|row| row.after) };
        let others = if rest.len() == 1 { "other" } else { "others" };
        line(&format!("  {} {others}", rest.len()), &row);
    }
}

fn file_lines(after: &Owners, line: &mut impl FnMut(&str, &Row)) {
    let mut files: Vec<_> = after.files.iter().filter(|(_, bytes)| *bytes > 0).collect();
    files.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    for (path, bytes) in files.into_iter().take(FILES_SHOWN) {
        let row = Row { name: String::new(), before: 0, after: *bytes };
        line(&format!("  {}", path.escape_default()), &row);
    }
}

/// A name that fits its column. Its end is kept, which tells more than its beginning.
fn cut(name: &str) -> String {
    let count = name.chars().count();
    if count <= NAME_COLUMNS {
        return name.to_owned();
    }
    let end: String = name.chars().skip(count - NAME_COLUMNS + 3).collect();
    format!("  …{end}")
}

fn signed(growth: i128) -> String {
    let text = size(u64::try_from(growth.unsigned_abs()).unwrap_or(u64::MAX));
    match growth {
        0 => "-".to_owned(),
        1.. => format!("+{text}"),
        _ => format!("-{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growths() {
        assert_eq!([signed(0), signed(-2048), signed(3)], ["-", "-2.0 KiB", "+3 B"]);
    }

    fn owners(modules: &[(&str, u64)], javascript: u64) -> Owners {
        let modules = modules.iter().map(|(name, bytes)| ModuleSize {
            name: (*name).to_owned(),
            own: *name == "entry",
            bytes: *bytes,
            objects: 1,
        });
        Owners {
            memory: 100_000,
            untouched: 50_000,
            modules: modules.collect(),
            whole: true,
            javascript,
            files: vec![("/tmp/a".to_owned(), 100)],
        }
    }

    #[test]
    fn a_table_fits_80_columns() {
        let before = owners(&[("a", 5000), ("json", 10), ("gone", 3)], 5000);
        let long = format!("{}.end", "x".repeat(60));
        let after = owners(&[("entry", 2000), ("a", 5000), ("json", 9), (&long, 1)], 6000);
        assert_eq!(
            table(&before, &after, ("AFTER", "GROWTH")),
            "\
OWNER                                               AFTER         GROWTH
modules                                           6.8 KiB       +1.9 KiB
  entry (the worker's)                            1.9 KiB       +1.9 KiB
  …xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.end            1 B           +1 B
  json                                                9 B           -1 B
  gone                                                0 B           -3 B
  1 other                                         4.8 KiB              -
JavaScript heap                                   5.8 KiB        +1000 B
files                                               100 B              -
  /tmp/a                                            100 B         +100 B
interpreter                                      36.0 KiB       -2.9 KiB
untouched (takes no memory)                      48.8 KiB              -
"
        );
    }
}
