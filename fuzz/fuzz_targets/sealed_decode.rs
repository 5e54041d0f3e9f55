#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../src/sealed.rs"]
mod sealed;

fuzz_target!(|data: &[u8]| sealed::decode_any(data));
