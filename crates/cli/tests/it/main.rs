//! The program itself: what it prints, and how it ends.

#![expect(clippy::unwrap_used, reason = "a test fails where its preparation fails")]

mod builds;
mod damage;
mod distribution;
mod doctor;
mod documents;
mod exports;
mod fetching;
mod fixture;
mod hostile;
mod hostile_modules;
mod housekeeping;
mod limits;
mod locks;
mod logs;
mod outcomes;
mod overlay;
mod packages;
mod passwords;
mod python;
mod remedies;
mod resumes;
mod scripts;
mod serving;
mod snapshots;
mod unwritable;
mod values;
mod waits;
mod warnings;
