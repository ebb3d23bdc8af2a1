//! The cases of an enum, as its encoding numbers them.

use std::fmt::Debug;

use serde::Deserialize;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error, StrDeserializer};

use super::page::Page;

/// Checks that the table `name` has the cases of an enum, all of them and no others, each with its number.
#[track_caller]
pub(crate) fn check<T: Deserialize<'static> + Debug>(page: &Page, name: &str) {
    // Told a name that no case has, serde answers with those that there are.
    let unknown: StrDeserializer<'_, Error> = "?".into_deserializer();
    let answer = T::deserialize(unknown).expect_err("no case has this name").to_string();
    let names = answer.split('`').skip(3).step_by(2).enumerate();
    let cases = names.map(|(number, case)| (number.to_string(), case.to_lowercase()));
    let described = page.rows(name).iter().map(|row| (row[1].clone(), row[0].to_lowercase()));
    assert_eq!(described.collect::<Vec<_>>(), cases.collect::<Vec<_>>(), "`{name}`");
}
