//! Reads `docs/internals/snapshot-format.md`: its tables, and bytes as they describe them.

use std::collections::BTreeMap;

const TEXT: &str = include_str!("../../../../docs/internals/snapshot-format.md");

/// What is in the cells of a row.
pub(crate) type Row = Vec<String>;

/// The tables, by their first headings.
pub(crate) struct Page(BTreeMap<String, Table>);

struct Table {
    /// What the second column is: `type` of the fields, or number of the `case`.
    second: String,
    rows: Vec<Row>,
}

impl Page {
    pub(crate) fn open() -> Self {
        let mut tables = BTreeMap::new();
        for paragraph in TEXT.split("\n\n") {
            let mut rows = paragraph.lines().filter(|line| line.starts_with('|')).map(cells);
            let Some(headings) = rows.next() else { continue };
            let [name, second, ..] = &headings[..] else { panic!("one column: {headings:?}") };
            let table = Table { second: second.clone(), rows: rows.skip(1).collect() };
            assert!(tables.insert(name.clone(), table).is_none(), "two tables of `{name}`");
        }
        Self(tables)
    }

    /// The rows of a table.
    pub(crate) fn rows(&self, name: &str) -> &[Row] {
        &self.table(name).rows
    }

    /// What `bytes` begin with, if that is what the table `name` says: a line for each field. And what follows it.
    pub(crate) fn read<'b>(&self, name: &str, mut bytes: &'b [u8]) -> (String, &'b [u8]) {
        let lines = self.fields(name, &mut bytes);
        (lines.join("\n"), bytes)
    }

    fn table(&self, name: &str) -> &Table {
        self.0.get(name).unwrap_or_else(|| panic!("the page has no table of `{name}`"))
    }

    fn has_fields(&self, type_: &str) -> bool {
        self.0.get(type_).is_some_and(|table| table.second == "type")
    }

    fn fields(&self, name: &str, bytes: &mut &[u8]) -> Vec<String> {
        let field = |row: &Row| match (row[0].as_str(), row[1].as_str()) {
            (field, fields) if self.has_fields(fields) => {
                let lines = self.fields(fields, bytes).join("\n");
                format!("{field}:\n{lines}").replace('\n', "\n  ")
            }
            (field, type_) => format!("{field}: {}", self.value(type_, bytes)),
        };
        self.rows(name).iter().map(field).collect()
    }

    fn case(&self, name: &str, bytes: &mut &[u8]) -> String {
        let number = varint(bytes).to_string();
        let row = self.rows(name).iter().find(|row| row[1] == number);
        let row = row.unwrap_or_else(|| panic!("the table of `{name}` has no case {number}"));
        let holds = row[2].split(':').next().unwrap_or_default().trim();
        let values = holds.split(", ").filter(|it| *it != "–").map(|it| self.value(it, bytes));
        [row[0].clone()].into_iter().chain(values).collect::<Vec<_>>().join(" ")
    }

    fn value(&self, type_: &str, bytes: &mut &[u8]) -> String {
        if let Some(item) = type_.strip_prefix("list of ") {
            let count = varint(bytes);
            let items = (0..count).map(|_| self.value(item, bytes));
            return format!("[{}]", items.collect::<Vec<_>>().join(", "));
        }
        if let Some(entry) = type_.strip_prefix("map of ") {
            let (key, value) =
                entry.split_once(" to ").expect("a map is of something to something");
            return self.value(&format!("list of ({key}, {value})"), bytes);
        }
        if let Some(value) = type_.strip_prefix("optional ") {
            return if boolean(bytes) { self.value(value, bytes) } else { "none".into() };
        }
        if let Some(values) = type_.strip_prefix('(').and_then(|it| it.strip_suffix(')')) {
            let values = values.split(", ").map(|it| self.value(it, bytes));
            return format!("({})", values.collect::<Vec<_>>().join(", "));
        }
        match type_ {
            "boolean" => boolean(bytes).to_string(),
            "u32" | "u64" => varint(bytes).to_string(),
            "i32" | "i64" => zigzag(varint(bytes)).to_string(),
            "f64" => f64::from_le_bytes(*array(bytes)).to_string(),
            "digest" => array::<32>(bytes).iter().map(|byte| format!("{byte:02x}")).collect(),
            "bytes" => format!("{:?}", counted(bytes)),
            "string" => format!("{:?}", str::from_utf8(counted(bytes)).expect("a string is UTF-8")),
            name if self.has_fields(name) => format!("{{{}}}", self.fields(name, bytes).join(", ")),
            name => self.case(name, bytes),
        }
    }
}

fn cells(line: &str) -> Row {
    let inner = line.trim_matches('|').replace('`', "");
    inner.split('|').map(|cell| cell.trim().to_owned()).collect()
}

fn array<'b, const N: usize>(bytes: &mut &'b [u8]) -> &'b [u8; N] {
    bytes.split_off(..N).expect("more bytes than there are").try_into().expect("N bytes")
}

fn counted<'b>(bytes: &mut &'b [u8]) -> &'b [u8] {
    let count = usize::try_from(varint(bytes)).expect("a count");
    bytes.split_off(..count).expect("more bytes than there are")
}

fn boolean(bytes: &mut &[u8]) -> bool {
    match array(bytes) {
        [0] => false,
        [1] => true,
        [other] => panic!("{other} is no boolean"),
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let [byte] = *array(bytes);
    let low = u64::from(byte & 0x7f);
    if byte < 0x80 { low } else { low | varint(bytes) << 7 }
}

fn zigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}
