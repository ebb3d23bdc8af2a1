//! Which instructions access memory, and how.

use wasm_encoder::ValType;
use wasmparser::Operator;

/// An access to memory. Its address is on the stack, below the value if it takes one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access {
    /// Added to the address.
    pub(super) offset: u64,
    /// How many bytes are accessed.
    pub(super) bytes: u64,
    /// The type of the value that it takes.
    pub(super) value: Option<ValType>,
}

/// What an instruction accesses. There are no others without atomics.
pub(super) fn access(operator: &Operator<'_>) -> Option<Access> {
    let (argument, bytes, value) = match operator {
        Operator::I32Load { memarg }
        | Operator::F32Load { memarg }
        | Operator::I64Load32S { memarg }
        | Operator::I64Load32U { memarg }
        | Operator::V128Load32Splat { memarg }
        | Operator::V128Load32Zero { memarg } => (memarg, 4, None),
        Operator::I64Load { memarg }
        | Operator::F64Load { memarg }
        | Operator::V128Load8x8S { memarg }
        | Operator::V128Load8x8U { memarg }
        | Operator::V128Load16x4S { memarg }
        | Operator::V128Load16x4U { memarg }
        | Operator::V128Load32x2S { memarg }
        | Operator::V128Load32x2U { memarg }
        | Operator::V128Load64Splat { memarg }
        | Operator::V128Load64Zero { memarg } => (memarg, 8, None),
        Operator::I32Load8S { memarg }
        | Operator::I32Load8U { memarg }
        | Operator::I64Load8S { memarg }
        | Operator::I64Load8U { memarg }
        | Operator::V128Load8Splat { memarg } => (memarg, 1, None),
        Operator::I32Load16S { memarg }
        | Operator::I32Load16U { memarg }
        | Operator::I64Load16S { memarg }
        | Operator::I64Load16U { memarg }
        | Operator::V128Load16Splat { memarg } => (memarg, 2, None),
        Operator::V128Load { memarg } => (memarg, 16, None),
        Operator::I32Store { memarg } => (memarg, 4, Some(ValType::I32)),
        Operator::I64Store { memarg } => (memarg, 8, Some(ValType::I64)),
        Operator::F32Store { memarg } => (memarg, 4, Some(ValType::F32)),
        Operator::F64Store { memarg } => (memarg, 8, Some(ValType::F64)),
        Operator::I32Store8 { memarg } => (memarg, 1, Some(ValType::I32)),
        Operator::I32Store16 { memarg } => (memarg, 2, Some(ValType::I32)),
        Operator::I64Store8 { memarg } => (memarg, 1, Some(ValType::I64)),
        Operator::I64Store16 { memarg } => (memarg, 2, Some(ValType::I64)),
        Operator::I64Store32 { memarg } => (memarg, 4, Some(ValType::I64)),
        Operator::V128Store { memarg } => (memarg, 16, Some(ValType::V128)),
        Operator::V128Load8Lane { memarg, .. } | Operator::V128Store8Lane { memarg, .. } => {
            (memarg, 1, Some(ValType::V128))
        }
        Operator::V128Load16Lane { memarg, .. } | Operator::V128Store16Lane { memarg, .. } => {
            (memarg, 2, Some(ValType::V128))
        }
        Operator::V128Load32Lane { memarg, .. } | Operator::V128Store32Lane { memarg, .. } => {
            (memarg, 4, Some(ValType::V128))
        }
        Operator::V128Load64Lane { memarg, .. } | Operator::V128Store64Lane { memarg, .. } => {
            (memarg, 8, Some(ValType::V128))
        }
        _ => return None,
    };
    Some(Access { offset: argument.offset, bytes, value })
}
