//! Copies of secrets on the stack.

use std::hint::black_box;
use std::mem::MaybeUninit;
use std::ptr;

/// How far below its own frame a call to [`with_clean_stack`] overwrites. The deepest operations on secret keys use less than a third,
/// also without optimization.
const DEPTH: usize = 64 * 1024;

/// Does some work, and overwrites the stack that it has used: moving a value leaves a copy of it behind, which its destructor does not
/// know. The result is moved out, so a secret in it must be behind a pointer, as in [`crate::Locked`].
#[inline(never)]
pub fn with_clean_stack<T>(work: impl FnOnce() -> T) -> T {
    let result = below(work);
    overwrite();
    result
}

/// In a frame of its own, so that everything in it lies below that of the caller.
#[inline(never)]
fn below<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}

#[expect(clippy::large_stack_arrays, reason = "it is there to cover a part of the stack")]
#[inline(never)]
fn overwrite() {
    let mut area = [MaybeUninit::<u64>::uninit(); DEPTH / size_of::<u64>()];
    for word in &mut area {
        // SAFETY: `word` is valid for writes and aligned, and has no destructor.
        unsafe { ptr::write_volatile(word, MaybeUninit::new(0)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Leaves a pattern in its frame, and returns where.
    #[inline(never)]
    fn leave(pattern: u64) -> usize {
        let mut area = [0_u64; 256];
        area.fill(black_box(pattern));
        black_box(&area).as_ptr() as usize
    }

    /// How many words at `address` still have the pattern.
    #[inline(never)]
    fn left(address: usize, pattern: u64) -> usize {
        let first = ptr::with_exposed_provenance::<u64>(address);
        // SAFETY: the stack of this thread is mapped there and, unlike its meaning, its contents are always some bytes.
        let word = |index| unsafe { ptr::read_volatile(first.wrapping_add(index)) };
        (0..256).filter(|index| word(*index) == pattern).count()
    }

    #[test]
    fn what_the_work_has_left_on_the_stack_is_overwritten() {
        let pattern = black_box(0x5ec2_e75e_c2e7_5ec2);
        let address = below(|| leave(pattern));
        assert!(left(address, pattern) > 200, "without this, it stays there");
        let address = with_clean_stack(|| leave(pattern));
        assert_eq!(left(address, pattern), 0);
    }
}
