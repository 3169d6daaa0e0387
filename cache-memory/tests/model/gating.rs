//! One computation per key at a time.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::SeqCst},
};

use shuttle::thread;

use crate::{
    locks::check,
    src::gate::{Entrance, Gates},
};

/// Computes keys `0..N`, each of which needs others, as `get_or_insert_with` does.
struct Program<const N: usize> {
    gates: [Gates; 2],
    values: [AtomicU32; N],
    inside: [AtomicU32; N],
    computed: [AtomicU32; N],
    needs: [&'static [usize]; N],
}

impl<const N: usize> Program<N> {
    fn new(needs: [&'static [usize]; N]) -> Arc<Self> {
        let none = || [(); N].map(|()| AtomicU32::new(0));
        let gates = [Gates::default(), Gates::default()];
        Arc::new(Self { gates, values: none(), inside: none(), computed: none(), needs })
    }

    fn get(&self, key: usize) {
        loop {
            // Odd keys are in another cache.
            let entrance = self.gates[key % 2].enter(key as u64);
            if self.values[key].load(SeqCst) > 0 {
                return;
            }
            let pass = match entrance {
                Entrance::Waited => continue,
                Entrance::Reentered => None,
                Entrance::Enter(pass) => Some(pass),
            };
            if pass.is_some() {
                assert_eq!(self.inside[key].fetch_add(1, SeqCst), 0, "one at a time");
                thread::yield_now();
                // Who computes for itself has no use for what waits for it.
                self.needs[key].iter().for_each(|need| self.get(*need));
                self.inside[key].fetch_sub(1, SeqCst);
            }
            self.values[key].store(1, SeqCst);
            self.computed[key].fetch_add(1, SeqCst);
            return;
        }
    }

    fn run(self: &Arc<Self>, threads: &[&'static [usize]]) {
        let spawn = |keys: &&'static [usize]| {
            let (program, keys) = (self.clone(), *keys);
            thread::spawn(move || keys.iter().for_each(|key| program.get(*key)))
        };
        let threads: Vec<_> = threads.iter().map(spawn).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    fn computed(&self) -> [u32; N] {
        self.computed.each_ref().map(|computed| computed.load(SeqCst))
    }
}

#[test]
fn however_many_ask_one_computes() {
    check(500, || {
        let program = Program::new([&[1], &[2], &[]]);
        program.run(&[&[0, 1], &[1, 0, 2], &[2, 0]]);
        assert_eq!(program.computed(), [1, 1, 1]);
    });
}

#[test]
fn circles_over_threads_and_caches_end() {
    check(500, || {
        let program = Program::new([&[1], &[2], &[3], &[0]]);
        program.run(&[&[0], &[1], &[2, 3]]);
        assert!(program.computed().iter().all(|&computed| computed > 0));
    });
}

#[test]
fn gate_opens_when_a_computation_ends_without_a_value() {
    check(500, || {
        let gates = Arc::new(Gates::default());
        let entered = Arc::new(AtomicU32::new(0));
        let threads = [(); 3].map(|()| {
            let (gates, entered) = (gates.clone(), entered.clone());
            thread::spawn(move || {
                loop {
                    match gates.enter(7) {
                        Entrance::Waited => {}
                        Entrance::Reentered => unreachable!("no circle"),
                        Entrance::Enter(_pass) => return entered.fetch_add(1, SeqCst),
                    }
                }
            })
        });
        threads.into_iter().for_each(|thread| _ = thread.join().unwrap());
        assert_eq!(entered.load(SeqCst), 3);
    });
}
