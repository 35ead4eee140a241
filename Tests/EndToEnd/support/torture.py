"""A pytest plugin for scripts/torture: a round's tests in an order of its own, until the time is up."""

import json
import os
import time

import chance


class Torture:
    def __init__(self, end, results):
        self.end, self.results = end, results
        self.outcomes = {}

    def pytest_collection_modifyitems(self, items):
        chance.dice_for("order").shuffle(items)

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.nodeid] = report.outcome

    def pytest_runtest_protocol(self, item):
        if time.time() > self.end:
            item.session.shouldstop = "the time is up"

    def pytest_sessionfinish(self):
        with open(self.results, "w", encoding="utf-8") as file:
            json.dump(self.outcomes, file)


def pytest_configure(config):
    end, results = os.environ["SWLOCK_TORTURE"].split(":", 1)
    config.pluginmanager.register(Torture(float(end), results))
