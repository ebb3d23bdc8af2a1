//! CPU-bound Python in Taipan, against the same Pyodide under Node.

use anyhow::Result;

use crate::node;
use crate::program::{self, Times};
use crate::table::{Table, median};

/// Runs of each, in turns: the machine is not the same from minute to minute.
const RUNS: usize = 5;

/// Runs `cpu.py` in turns here and there.
pub(crate) fn measure() -> Result<Vec<Table>> {
    let node = node::install()?;
    let program = program::path("cpu.py");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        ours.push(program::run(&mut program::taipan_run(&program))?);
        theirs.push(program::run(&mut node.run(&program))?);
    }
    let title = format!(
        "cpu: best of 5 in a run, median of {RUNS} runs in turns, against Node {}",
        node.version
    );
    let mut table = Table::new(title, &["taipan ms", "node ms", "taipan/node"]);
    let names: Vec<_> = ours.iter().take(1).flatten().map(|(name, _)| name.clone()).collect();
    for (index, name) in names.into_iter().enumerate() {
        compare(&mut table, name, |times| times[index].1, &ours, &theirs);
    }
    compare(
        &mut table,
        "total".into(),
        |times| times.iter().map(|(_, time)| time).sum(),
        &ours,
        &theirs,
    );
    Ok(vec![table])
}

fn compare(
    table: &mut Table,
    name: String,
    figure: impl Fn(&Times) -> f64,
    ours: &[Times],
    theirs: &[Times],
) {
    let (ours, theirs) = (median(ours.iter().map(&figure)), median(theirs.iter().map(&figure)));
    table.row(name, [ours, theirs, ours / theirs]);
}
