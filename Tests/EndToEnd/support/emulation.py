"""The binary for arm64 where qemu-user emulates it (scripts/emulate): what of the tests that cannot carry.

Everything that is emulated is a program of qemu's, which hands on what it knows of the kernel. Reasons, and patterns of
the tests that each is one for; `SWLOCK_EMULATED=all` tries them all, to see whether a later qemu can do more.
"""

import os
import re

import pytest

REASONS = {
    # Those who stand by a command with a lock that it must not inherit, relays and companions: clone(2) with
    # CLONE_FILES or CLONE_PARENT, or with an end that makes no signal.
    "qemu-user has no more of clone(2) than fork(2), vfork(2) and threads": [
        r"^(?!.*leaves_nothing|.*any_moment|.*ends_even_if|.*never_starts)[^\[]*\[.*(posix|hardlink|close|'-o'|=release|unlink)",
        r"^run/test_signals.py::.*[-\[]pid\]|^launch/test_launch.py::.*\[released\]",
        r"^run/test_run.py::test_(nested_runs|without_leftovers|the_limit_reaches_only)",
        r"^run/test_signals.py::test_(a_killed_(front|holder)|children_that|several_signals)",
        r"^run/test_order.py::test_(a_file_that_was_moved|a_wait_is_in_the_kernels_queue)",
        r"^launch/test_launch.py::test_(a_closed_descriptor|a_hardlink_lock|every_option_in)",
    ],
    # A vfork(2) is a fork(2) there.
    "in qemu-user a child has no memory in common with swlock, and cannot say there that there is no command": [
        r"cannot_be_(started|executed)_is|nowhere_on_the_search_path|passes_over_what_cannot",
        r"^run/test_run.py::test_(a_users_shell_that_is_missing|names_of_commands|arguments_that_leave)",
        r"^run/test_words.py::test_(quiet_says_every_other|a_program_that_is_missing)",
        r"^run/test_words.py::test_what_was_meant.*-127-",
        r"^drop-in/test_flock.py::.*(looks_like_an_option|option_is_a_program|cannot_be_executed|is_missing_for)",
        r"^launch/test_launch.py::test_too_large_an_environment",
    ],
    "what /proc and strace see is qemu": [
        r"^run/test_exclusion.py::test_busy_lock_is_reported",
        r"^run/test_words.py::test_a_timeout_says|^run/test_order.py::test_a_short_wait_starts",
        r"^drop-in/test_flock.py::test_a_fork_that_fails",
        r"^launch/test_launch.py::test_nothing_of_it_costs",
    ],
    "qemu-user needs a few real-time signals, and has handlers of its own": [
        r"^drop-in/test_flock.py::test_the_command_inherits_all_about_signals.*\[all-",
        r"^run/test_signals.py::test_(dispositions_are|every_signal_that_kills)",
        r"^run/test_signals.py::test_the_command_starts_with_default.*-(everything|all-but-hangup)\]",
    ],
    "emulated in namespaces of their own (scripts/emulate)": [
        r"^holders/test_status.py::test_(a_free_path_is_free|a_file_that_names)",
        r"^launch/test_launch.py::test_niceness_may_be_negative",
    ],
    # One run of five on a busy machine; never without qemu. Not understood.
    "under qemu-user one who queues behind a stopped one is now and then not seen": [
        r"^run/test_order.py::test_who_comes_in_order_overtakes_nobody",
    ],
    "takes too long where each start is emulated": [
        r"test_two_hundred_processes|test_all_256_exit_codes",
    ],
}


def give_reasons(items):
    """Skips the tests that are not for an emulated binary."""
    if os.environ.get("SWLOCK_EMULATED", "all") == "all":
        return
    for item in items:
        for reason, patterns in REASONS.items():
            if any(re.search(pattern, item.nodeid) for pattern in patterns):
                item.add_marker(pytest.mark.skip(reason=reason))
