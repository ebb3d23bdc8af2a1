//! An isolate of a program as it is after its start, from which each run of a target resumes one of its own.

use std::fs::File;
use std::sync::Arc;
use std::thread;

use taipan_guest::{Error, Image, Isolate, Program, Run, SourceType, THREAD_STACK_BYTES};
use taipan_snapshot::State;

use crate::fixture::{self, FakeHost};

/// What an isolate may use, as workers have it by default.
const MEMORY_BYTES_MAX: usize = 128 << 20;

/// What every run begins with.
pub(crate) struct Captured {
    program: Arc<Program>,
    pub(crate) state: State,
    memory_bytes: usize,
    memory: Arc<File>,
}

impl Captured {
    /// An isolate of `program` that has run `source`.
    pub(crate) fn new(program: &Arc<Program>, source: &str) -> Captured {
        let (state, memory) = fixture::with_isolate(program, |isolate| {
            fixture::run(isolate, source).expect("the source runs");
            isolate.with_roots(|scope| Ok::<_, Error>((scope.capture()?, scope.memory()?.to_vec())))
        })
        .expect("an isolate can be captured");
        let path = std::env::temp_dir().join(format!("taipan-fuzz-{}.image", std::process::id()));
        fs_err::write(&path, &memory).expect("a file can be written");
        let file = fs_err::File::open(&path).expect("the file can be opened").into_parts().0;
        fs_err::remove_file(&path).expect("the file can be removed");
        Captured {
            program: program.clone(),
            state,
            memory_bytes: memory.len(),
            memory: Arc::new(file),
        }
    }

    /// Runs `source` in an isolate with the captured memory and this state, if there can be one.
    pub(crate) fn run(&self, state: State, source: &str) -> Result<(), Error> {
        let length = u32::try_from(self.memory_bytes).expect("a memory has 32 bits");
        let run = Run { address: 0, length, file: self.memory.clone(), offset: 0 };
        let resume = || {
            let image = Image::new(&self.program, &[], state, self.memory_bytes, vec![run])?;
            let mut isolate = Isolate::resume(&image, Box::new(FakeHost::default()))?;
            isolate.set_memory_limit(MEMORY_BYTES_MAX);
            isolate.run_source("fuzz.js", source, SourceType::Script).map(drop)
        };
        thread::scope(|scope| {
            let thread =
                thread::Builder::new().stack_size(THREAD_STACK_BYTES).spawn_scoped(scope, resume);
            thread.expect("a thread starts").join()
        })
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}
