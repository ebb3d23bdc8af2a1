//! Makes functions at random.

use super::{Kind, Shape, Statement, label};

/// How deep blocks nest, and how many statements a function has at most.
const DEPTH_MAX: usize = 7;
const STATEMENTS_MAX: usize = 60;

/// A generator of pseudo-random numbers (Marsaglia's xorshift, 64 bits).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    fn value(&mut self) -> i32 {
        i32::try_from(self.below(1000)).expect("small")
    }

    fn maybe(&mut self) -> Option<i32> {
        (self.below(3) == 0).then(|| self.value())
    }
}

/// A label that is open where a statement is made.
#[derive(Clone, Copy)]
struct Label {
    result: bool,
    clause: bool,
}

/// A function's statements.
pub(super) fn make(random: &mut Random) -> Vec<Statement> {
    let mut labels = vec![Label { result: false, clause: false }];
    let mut budget = STATEMENTS_MAX;
    make_list(random, &mut labels, &mut budget)
}

fn make_list(random: &mut Random, labels: &mut Vec<Label>, budget: &mut usize) -> Vec<Statement> {
    let mut list = Vec::new();
    for _ in 0..=random.below(4) {
        if *budget == 0 {
            break;
        }
        *budget -= 1;
        list.push(make_statement(random, labels, budget));
    }
    list
}

fn make_statement(random: &mut Random, labels: &mut Vec<Label>, budget: &mut usize) -> Statement {
    let value = random.value();
    let open = labels.len() as u64;
    let depth = u32::try_from(random.below(open)).expect("shallow");
    match random.below(20) {
        0..=2 => Statement::Mark(value),
        3 => Statement::Throw {
            tag: u32::try_from(random.below(3)).expect("small"),
            values: [value, random.value()],
        },
        4 | 5 if label(labels, depth).clause => Statement::Rethrow(depth),
        4..=6 => Statement::BranchIf { depth, value },
        7 => Statement::Branch { depth, value },
        8 => {
            let result = label(labels, depth).result;
            let depths = [(); 4].map(|()| {
                let other = u32::try_from(random.below(open)).expect("shallow");
                if label(labels, other).result == result { other } else { depth }
            });
            Statement::BranchTable { depths, value }
        }
        _ if labels.len() > DEPTH_MAX => Statement::Mark(value),
        choice => {
            let shape = Shape { parameter: random.maybe(), result: random.maybe() };
            let result = shape.result.is_some();
            labels.push(Label { result, clause: false });
            let body = make_list(random, labels, budget);
            let kind = match choice {
                9 => Kind::Block(body),
                10 => Kind::If(body, make_list(random, labels, budget)),
                11..=14 => Kind::Delegate(body, depth),
                _ => {
                    labels.pop();
                    labels.push(Label { result, clause: true });
                    let mut clauses = Vec::new();
                    for tag in 0..random.below(4) {
                        let tag = u32::try_from(tag).ok().filter(|_| random.below(4) != 0);
                        clauses.push((tag, make_list(random, labels, budget)));
                        if tag.is_none() {
                            break;
                        }
                    }
                    Kind::Try(body, clauses)
                }
            };
            labels.pop();
            Statement::Block { shape, kind }
        }
    }
}
