//! Compiles an allow-list into the classic BPF program that the kernel runs at each system call.
//!
//! Own, because a single filter must answer some calls with ENOSYS (so that glibc falls back), some
//! with success without effect, and the rest with EPERM; the usual emitters know one answer.
//!
//! The number of a call is looked up by halves. When a filter is installed, which every guest does
//! before it is ready, the kernel runs it once for each system call there is, so a list of comparisons
//! would cost a guest more than the rest of its lockdown.

use crate::policy::{Answer, Condition, Rule};

/// One instruction, laid out as `struct sock_filter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Instruction {
    code: u16,
    jump_true: u8,
    jump_false: u8,
    operand: u32,
}

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const JUMP_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const JUMP_AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
const JUMP_ALWAYS: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;
const AND: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

#[cfg(target_arch = "x86_64")]
const THIS_ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const THIS_ARCHITECTURE: u32 = 0xc000_00b7;

/// Numbers from here on are x32 calls, which would bypass an allow-list of x86-64 numbers.
#[cfg(target_arch = "x86_64")]
const X32: u32 = 0x4000_0000;

/// The program for `rules`, as the bytes of an array of `struct sock_filter`.
pub(crate) fn compile(rules: &[Rule]) -> Vec<u8> {
    let mut program = vec![
        load(ARCHITECTURE),
        jump(JUMP_EQUAL, THIS_ARCHITECTURE, 1, 0),
        answer(Answer::Kill),
        load(NUMBER),
    ];
    program.extend(search(&intervals(rules)));
    program
        .iter()
        .flat_map(|instruction| instruction.bytes())
        .collect()
}

/// Numbers from `first` on, up to the next interval, that meet the same.
struct Interval {
    first: u32,
    body: Vec<Instruction>,
}

/// All numbers, in order. Neighbours that meet the same are one interval.
fn intervals(rules: &[Rule]) -> Vec<Interval> {
    let refused = || vec![answer(Answer::Errno(libc::EPERM))];
    let mut rules: Vec<&Rule> = rules.iter().collect();
    rules.sort_by_key(|rule| rule.number);
    let mut intervals = Vec::new();
    let mut add = |first, body| {
        let last: Option<&Interval> = intervals.last();
        if last.is_none_or(|last| last.body != body) {
            intervals.push(Interval { first, body });
        }
    };
    let mut next = 0;
    for rule in rules {
        let number = rule.number as u32;
        assert!(number >= next, "system call {number} has two rules");
        if number > next {
            add(next, refused());
        }
        add(number, block(rule));
        next = number + 1;
    }
    add(next, refused());
    #[cfg(target_arch = "x86_64")]
    add(X32, vec![answer(Answer::Kill)]);
    intervals
}

/// Finds the interval of the number that is loaded, and goes through its body.
fn search(intervals: &[Interval]) -> Vec<Instruction> {
    if let [only] = intervals {
        return only.body.clone();
    }
    let (lower, upper) = intervals.split_at(intervals.len() / 2);
    let first = upper[0].first;
    let (lower, upper) = (search(lower), search(upper));
    let mut program = match u8::try_from(lower.len()) {
        Ok(distance) => vec![jump(JUMP_AT_LEAST, first, distance, 0)],
        // A comparison jumps over 255 instructions at most.
        Err(_) => vec![
            jump(JUMP_AT_LEAST, first, 0, 1),
            jump_always(lower.len() as u32),
        ],
    };
    program.extend(lower);
    program.extend(upper);
    program
}

/// What follows once the number has matched; always ends in an answer.
fn block(rule: &Rule) -> Vec<Instruction> {
    let mut block = Vec::new();
    match rule.condition {
        Condition::Always => {}
        Condition::OneOf { argument, values } => {
            block.push(load(low(argument)));
            for (index, value) in values.iter().enumerate() {
                // The allowing answer stands behind the refusing one, which stands behind the list.
                let to_allowed = values.len() - index;
                block.push(jump(JUMP_EQUAL, *value, short(to_allowed), 0));
            }
            block.push(answer(Answer::Errno(libc::EPERM)));
        }
        Condition::NotAll { argument, mask } => {
            block.extend([
                load(low(argument)),
                Instruction {
                    code: AND,
                    jump_true: 0,
                    jump_false: 0,
                    operand: mask,
                },
                jump(JUMP_EQUAL, mask, 0, 1),
                answer(Answer::Errno(libc::EPERM)),
            ]);
        }
        Condition::Whole { argument, value } => {
            block.extend([
                load(high(argument)),
                jump(JUMP_EQUAL, 0, 1, 0),
                answer(Answer::Errno(libc::EPERM)),
                load(low(argument)),
                jump(JUMP_EQUAL, value, 1, 0),
                answer(Answer::Errno(libc::EPERM)),
            ]);
        }
    }
    block.push(answer(rule.answer));
    block
}

fn load(offset: u32) -> Instruction {
    Instruction {
        code: LOAD,
        jump_true: 0,
        jump_false: 0,
        operand: offset,
    }
}

fn jump(code: u16, operand: u32, jump_true: u8, jump_false: u8) -> Instruction {
    Instruction {
        code,
        jump_true,
        jump_false,
        operand,
    }
}

fn jump_always(distance: u32) -> Instruction {
    Instruction {
        code: JUMP_ALWAYS,
        jump_true: 0,
        jump_false: 0,
        operand: distance,
    }
}

fn answer(answer: Answer) -> Instruction {
    let operand = match answer {
        Answer::Allow => libc::SECCOMP_RET_ALLOW,
        Answer::Pretend => libc::SECCOMP_RET_ERRNO,
        Answer::Errno(errno) => libc::SECCOMP_RET_ERRNO | errno as u32,
        Answer::Kill => libc::SECCOMP_RET_KILL_PROCESS,
    };
    Instruction {
        code: RETURN,
        jump_true: 0,
        jump_false: 0,
        operand,
    }
}

fn low(argument: u32) -> u32 {
    ARGUMENTS + 8 * argument
}

fn high(argument: u32) -> u32 {
    low(argument) + 4
}

fn short(distance: usize) -> u8 {
    u8::try_from(distance).expect("a rule's block is shorter than 256 instructions")
}

impl Instruction {
    fn bytes(self) -> [u8; 8] {
        let [c0, c1] = self.code.to_ne_bytes();
        let [o0, o1, o2, o3] = self.operand.to_ne_bytes();
        [c0, c1, self.jump_true, self.jump_false, o0, o1, o2, o3]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy;

    /// Runs a compiled program as the kernel would.
    fn run(program: &[u8], architecture: u32, number: u32, arguments: [u64; 6]) -> u32 {
        let mut data = [0u8; 64];
        data[..4].copy_from_slice(&number.to_ne_bytes());
        data[4..8].copy_from_slice(&architecture.to_ne_bytes());
        for (index, argument) in arguments.iter().enumerate() {
            data[16 + 8 * index..][..8].copy_from_slice(&argument.to_ne_bytes());
        }
        let word = |bytes: &[u8]| u32::from_ne_bytes(bytes.try_into().unwrap());
        let (mut at, mut accumulator) = (0, 0u32);
        loop {
            let instruction = &program[8 * at..][..8];
            let code = u16::from_ne_bytes([instruction[0], instruction[1]]);
            let operand = word(&instruction[4..]);
            at += 1;
            match code {
                LOAD => accumulator = word(&data[operand as usize..][..4]),
                AND => accumulator &= operand,
                RETURN => return operand,
                JUMP_ALWAYS => at += operand as usize,
                JUMP_EQUAL | JUMP_AT_LEAST => {
                    let taken = if code == JUMP_EQUAL {
                        accumulator == operand
                    } else {
                        accumulator >= operand
                    };
                    at += usize::from(instruction[if taken { 2 } else { 3 }]);
                }
                other => panic!("instruction {other:#x}"),
            }
        }
    }

    #[test]
    fn each_rule_answers_as_it_says_and_everything_else_is_refused() {
        const EPERM: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
        for rules in [policy::PYTHON, policy::JAVASCRIPT] {
            let program = compile(rules);
            let ask =
                |number: i64, arguments| run(&program, THIS_ARCHITECTURE, number as u32, arguments);
            for number in 0..2048 {
                let expected = match rules.iter().find(|rule| rule.number == number) {
                    None => EPERM,
                    Some(rule) if matches!(rule.condition, Condition::Always) => {
                        answer(rule.answer).operand
                    }
                    Some(_) => continue,
                };
                assert_eq!(ask(number, [u64::MAX; 6]), expected, "system call {number}");
            }
            let allow = libc::SECCOMP_RET_ALLOW;
            assert_eq!(
                ask(libc::SYS_clone3, [0; 6]),
                libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32
            );
            assert_eq!(ask(libc::SYS_mmap, [0, 4096, 3, 0x22, 0, 0]), allow);
            assert_eq!(ask(libc::SYS_mprotect, [0, 4096, 5, 0, 0, 0]), EPERM);
            assert_eq!(ask(libc::SYS_mprotect, [0, 4096, 3, 0, 0, 0]), allow);
            assert_eq!(
                ask(libc::SYS_mmap, [0, 4096, 7, 0x22, 0, 0]),
                EPERM,
                "writable and executable"
            );
            assert_eq!(
                run(&program, THIS_ARCHITECTURE ^ 0xff, 0, [0; 6]),
                libc::SECCOMP_RET_KILL_PROCESS
            );
            #[cfg(target_arch = "x86_64")]
            for number in [X32, X32 + 1, u32::MAX] {
                let answer = ask(i64::from(number), [0; 6]);
                assert_eq!(answer, libc::SECCOMP_RET_KILL_PROCESS, "{number:#x}");
            }
            #[cfg(target_arch = "x86_64")]
            assert_eq!(ask(i64::from(X32) - 1, [0; 6]), EPERM);
        }
        let python = compile(policy::PYTHON);
        let ask =
            |number: i64, arguments| run(&python, THIS_ARCHITECTURE, number as u32, arguments);
        let thread = 0x003d_0f00;
        assert_eq!(
            ask(libc::SYS_clone, [thread, 0, 0, 0, 0, 0]),
            libc::SECCOMP_RET_ALLOW
        );
        assert_eq!(
            ask(libc::SYS_clone, [thread | 1 << 32, 0, 0, 0, 0, 0]),
            EPERM,
            "a bit the mask does not see"
        );
        assert_eq!(ask(libc::SYS_clone, [17, 0, 0, 0, 0, 0]), EPERM, "fork");
        assert_eq!(
            ask(libc::SYS_socketpair, [1, 1, 0, 0, 0, 0]),
            libc::SECCOMP_RET_ALLOW
        );
        assert_eq!(ask(libc::SYS_socketpair, [2, 1, 0, 0, 0, 0]), EPERM);
        assert_eq!(
            ask(libc::SYS_fcntl, [3, libc::F_SETOWN as u64, 1, 0, 0, 0]),
            EPERM
        );
        assert_eq!(
            ask(libc::SYS_ioctl, [0, 0x5412, 0, 0, 0, 0]),
            EPERM,
            "TIOCSTI"
        );
        assert_eq!(
            ask(libc::SYS_ioctl, [0, 1 << 32 | 0x5412, 0, 0, 0, 0]),
            EPERM,
            "TIOCSTI in disguise"
        );
        assert_eq!(
            ask(libc::SYS_prlimit64, [0, 9, 0, 4096, 0, 0]),
            libc::SECCOMP_RET_ALLOW
        );
        assert_eq!(
            ask(libc::SYS_prlimit64, [0, 9, 4096, 0, 0, 0]),
            EPERM,
            "setting a limit"
        );
        assert_eq!(
            ask(libc::SYS_fchmod, [3, 0o777, 0, 0, 0, 0]),
            libc::SECCOMP_RET_ERRNO
        );
    }
}
