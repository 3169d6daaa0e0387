//! A terminal with gitweek on it, and somebody who types and reads.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    num::NonZeroU16,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::{self, sleep},
    time::{Duration, Instant},
};

use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

/// Of a height in which the whole help is seen.
const ROWS: NonZeroU16 = NonZeroU16::new(40).unwrap();
const COLUMNS: NonZeroU16 = NonZeroU16::new(110).unwrap();

pub(crate) struct Terminal {
    program: Child,
    keys: File,
    shown: Arc<Mutex<vt100::Parser>>,
}

impl Terminal {
    /// Runs a command on a terminal of its own.
    pub(crate) fn run(command: &mut Command) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let path = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
        let slave = File::options().read(true).write(true).open(path).unwrap();
        let size = Winsize { ws_row: ROWS.get(), ws_col: COLUMNS.get(), ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&slave, size).unwrap();
        let other = || Stdio::from(OwnedFd::from(slave.try_clone().unwrap()));
        command.env("TERM", "xterm-256color").stdin(other()).stdout(other()).stderr(Stdio::piped());
        let program = command.spawn().unwrap();
        let shown = Arc::new(Mutex::new(vt100::Parser::new(ROWS, COLUMNS, 0)));
        let (keys, screen) = (File::from(master), shown.clone());
        let mut output = keys.try_clone().unwrap();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // An error is how Linux says that nobody writes any more.
            while let Ok(read @ 1..) = output.read(&mut bytes) {
                screen.lock().unwrap().process(&bytes[..read]);
            }
        });
        Self { program, keys, shown }
    }

    pub(crate) fn press(&mut self, keys: &str) -> &mut Self {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self
    }

    /// What is on the screen, once all of `texts` are.
    pub(crate) fn until(&mut self, texts: &[&str]) -> String {
        self.until_it(|screen| texts.iter().all(|text| screen.contains(text)))
    }

    pub(crate) fn until_it(&mut self, is_right: impl Fn(&str) -> bool) -> String {
        // As long as a machine may be busy with other things.
        let patience = Instant::now();
        loop {
            let screen = self.screen();
            if is_right(&screen) {
                return screen;
            }
            assert!(patience.elapsed() < Duration::from_secs(60), "on the screen:\n{screen}");
            sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn screen(&self) -> String {
        self.shown.lock().unwrap().screen().contents()
    }

    /// Waits for a line on standard error.
    pub(crate) fn until_said(&mut self, text: &str) {
        let said = BufReader::new(self.program.stderr.as_mut().unwrap());
        let mut lines = said.lines().map(Result::unwrap);
        assert!(lines.any(|line| line.contains(text)), "nobody says {text}");
    }

    /// Waits until the terminal is given back.
    pub(crate) fn until_left(&self) {
        let patience = Instant::now();
        while self.is_taken() {
            assert!(patience.elapsed() < Duration::from_secs(60), "the terminal was not given back");
            sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.program), signal).unwrap();
    }

    /// Whether the program has a screen of its own.
    pub(crate) fn is_taken(&self) -> bool {
        self.shown.lock().unwrap().screen().alternate_screen()
    }

    /// Waits for the end: whether it was a good one, and what was said on standard error.
    pub(crate) fn end(mut self) -> (bool, String) {
        let mut said = String::new();
        self.program.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let status = self.program.wait().unwrap();
        // The last of its output may still be on its way.
        self.until_left();
        (status.success(), said)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Fails for a program that has ended.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
