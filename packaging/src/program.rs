//! Checks that a program starts where there is no other file.

use object::Endianness;
use object::elf::{EM_X86_64, FileHeader64, PT_INTERP};
use object::read::elf::{FileHeader, ProgramHeader};
use thiserror::Error;

/// Why a program would not start in an image that contains no library.
#[derive(Debug, Error)]
pub enum ProgramError {
    /// It is not an executable of 64-bit Linux.
    #[error("expected a 64-bit ELF executable: {0}")]
    NotElf(#[from] object::read::Error),
    /// It is for another processor.
    #[error("expected a program for x86-64 (machine {expected}), this one is for machine {0}", expected = EM_X86_64.0)]
    OtherMachine(u16),
    /// It needs a dynamic linker, which would have to be in the image, as would its libraries.
    #[error("expected a static executable, this one is linked dynamically")]
    Dynamic,
}

/// Checks that a program is a static executable for x86-64.
///
/// # Errors
/// [`ProgramError`] if it is not.
pub(crate) fn check_program(bytes: &[u8]) -> Result<(), ProgramError> {
    let header = FileHeader64::<Endianness>::parse(bytes)?;
    let endian = header.endian()?;
    let machine = header.e_machine(endian);
    if machine != EM_X86_64 {
        return Err(ProgramError::OtherMachine(machine.0));
    }
    let parts = header.program_headers(endian, bytes)?;
    if parts.iter().any(|part| part.p_type(endian) == PT_INTERP) {
        return Err(ProgramError::Dynamic);
    }
    Ok(())
}
