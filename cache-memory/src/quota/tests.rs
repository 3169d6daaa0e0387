use crate::quota::Quota;

#[test]
fn reservation_is_whole_or_nothing() {
    let quota = Quota::new(2, 10);
    assert!(quota.reserve(6));
    assert!(!quota.reserve(5), "too many bytes");
    assert_eq!((quota.entries(), quota.bytes()), (1, 6));
    assert!(quota.reserve(4) && !quota.reserve(0), "too many entries");
    quota.release(6);
    assert_eq!((quota.entries(), quota.bytes()), (1, 4));
}

#[test]
fn room_is_resized_within_the_bound() {
    let quota = Quota::new(1, 10);
    assert!(quota.reserve(6) && quota.resize(6, 10) && !quota.resize(10, 11) && quota.resize(10, 0));
    assert_eq!((quota.entries(), quota.bytes()), (1, 0));
}

#[test]
fn huge_weights_do_not_wrap() {
    let quota = Quota::new(u64::MAX, u64::MAX);
    assert!(quota.reserve(u64::MAX - 1) && !quota.reserve(2) && quota.is_full_for(2));
}
