//! Another library in Rust, which catches a panic of its own.

#[unsafe(no_mangle)]
pub extern "C" fn other_catches(number: i32) -> i32 {
    std::panic::set_hook(Box::new(|_| ()));
    std::panic::catch_unwind(|| assert!(number < 0)).map_or(number, |()| -1)
}
