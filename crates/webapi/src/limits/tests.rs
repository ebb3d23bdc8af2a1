//! The counting, without an isolate.

use super::{Admitted, Allowances, Limits};

fn allowances(subrequests: u32, log_kb: u32) -> Allowances {
    Allowances::new(Limits { timers: 3, subrequests, log_kb, response_body_mb: None })
}

/// How many fetches are left; takes them.
fn fetches(allowances: &Allowances) -> usize {
    (0..1000).take_while(|_| allowances.subrequest().is_ok()).count()
}

#[test]
fn each_request_brings_its_share() {
    let allowances = allowances(10, 1);
    assert_eq!(fetches(&allowances), 10, "the top level");
    allowances.begin(0);
    assert_eq!(fetches(&allowances), 10, "one request");
    allowances.begin(1);
    allowances.begin(2);
    assert_eq!(fetches(&allowances), 20, "two more");
}

#[test]
fn what_a_request_leaves_goes_with_it() {
    let allowances = allowances(10, 1);
    allowances.begin(0);
    for _ in 0..100 {
        allowances.begin(1);
        allowances.end(1);
    }
    assert_eq!(fetches(&allowances), 10, "the one that is still open");
    allowances.end(0);
    assert_eq!(fetches(&allowances), 10, "between requests");
    allowances.begin(0);
    assert_eq!(fetches(&allowances), 10, "the next");
}

#[test]
fn a_log_ends_with_one_notice() {
    let allowances = allowances(1, 1);
    let admitted = |bytes| Admitted { bytes, notice: None };
    let notice = Some("log truncated: limit of 1 KiB for a request (`limits.log_kb`)".to_owned());
    assert_eq!(allowances.log(1000), admitted(1000));
    assert_eq!(allowances.log(24), admitted(24));
    assert_eq!(allowances.log(0), admitted(0));
    assert_eq!(allowances.log(1), Admitted { bytes: 0, notice: notice.clone() });
    assert_eq!(allowances.log(1), admitted(0));
    allowances.begin(0);
    assert_eq!(allowances.log(2000), Admitted { bytes: 1024, notice });
    assert_eq!(allowances.log(2000), admitted(0));
}

#[test]
fn timers_are_compared_with_those_that_wait() {
    let allowances = allowances(1, 1);
    assert!(allowances.timer(2).is_ok());
    assert_eq!(
        allowances.timer(3).unwrap_err().completion(),
        "RangeError: too many timers: 3 may wait at a time (`limits.timers`)"
    );
}

#[test]
fn no_limits() {
    let allowances = Allowances::default();
    assert_eq!(fetches(&allowances), 1000);
    assert_eq!(allowances.log(usize::MAX), Admitted { bytes: usize::MAX, notice: None });
    assert!(allowances.timer(usize::MAX).is_ok() && allowances.response_body().is_none());
}
