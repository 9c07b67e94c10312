"""Tests of what needs no server: the row, verification, statistics, targets and the report.

Run by `make bench-check`, in some seconds and without the peers.
"""

import json
import signal
import subprocess
import tempfile
import unittest
import uuid
from xml.etree import ElementTree

from bench import guard, processes, report, rows, samples, svg, verify, wrk
from bench.__main__ import PEERS, QUESTIONS, chosen, pinned
from bench.targets import TARGETS, Target, judged


def stored_lines(counts):
    """What a faithful system answers to the checksum query; amounts in units, not hundredths."""
    lines = [verify.expected_line(item, count) for item, count in sorted(counts.items())]
    return [line[:10] + [f"{line[10] // 100}.{line[10] % 100:02}"] + line[11:] for line in lines]


class GuardTests(unittest.TestCase):
    def test_only_what_is_dearer_than_the_tolerance_fails(self):
        self.assertEqual(
            [guard.judged("path", found, 1_000)[1] for found in (500, 1_050, 1_051, 5_000)],
            [False, False, True, True])

    def test_a_path_without_a_reference_fails(self):
        self.assertTrue(guard.judged("path", 1, None)[1])

    def test_every_recorded_path_has_a_positive_count(self):
        with open(guard.REFERENCE) as file:
            recorded = json.load(file)["instructions"]
        self.assertTrue(recorded)
        for path, count in recorded.items():
            self.assertGreater(count, 0, path)


class RowTests(unittest.TestCase):
    def test_keys_are_uuids_of_version_7_and_differ(self):
        keys = {
            rows.prefix(counter, client, run) + rows.suffix(index)
            for counter in (1, 2, 1 << 40) for client in (0, 63) for run in (1, 4095)
            for index in (0, 9999)}
        self.assertEqual(len(keys), 24)
        for key in keys:
            self.assertEqual(uuid.UUID(key).version, 7)
            self.assertEqual(str(uuid.UUID(key)), key)

    def test_keys_of_later_batches_sort_behind(self):
        self.assertLess(rows.prefix(65_535, 9, 1), rows.prefix(65_536, 0, 1))

    def test_a_payload_is_json_of_250_to_300_bytes_with_all_columns(self):
        sizes = []
        for item in (0, 17, 9_999):
            text = rows.payload(rows.ROWS[item], 3, rows.prefix(1, 1, 1))
            self.assertEqual(list(json.loads(text)), [name for name, _ in rows.COLUMNS])
            sizes.append(len(text))
        self.assertTrue(all(250 <= size <= 300 for size in sizes), sizes)

    def test_every_form_holds_the_pool_once(self):
        bodies = rows.batch_bodies(100)
        self.assertEqual(len(bodies), 100)
        items = [record["payload"]["item"] for body in bodies
                 for record in json.loads(body)["records"]]
        self.assertEqual(items, list(range(rows.POOL)))
        self.assertEqual(sum(text.count("\n") for text in rows.copy_texts(100)), rows.POOL)
        statements = rows.values_statements(100, "t")
        self.assertEqual(sum(text.count(rows.PLACEHOLDER) for text in statements), rows.POOL)


class WrkTests(unittest.TestCase):
    def test_places_point_at_keys_and_tenants(self):
        with tempfile.TemporaryDirectory() as folder:
            requests_path, places_path = wrk.render(folder, "t", 1_000)
            with open(requests_path, "rb") as file:
                text = file.read()
            with open(places_path) as file:
                lines = [[int(place) for place in line.split()] for line in file]
        self.assertEqual(len(lines), 10)
        for start, length, tenant, *keys in lines:
            request = text[start:start + length]
            head, _, body = request.partition(b"\r\n\r\n")
            self.assertIn(f"Content-Length: {len(body)}".encode(), head)
            self.assertEqual(text[tenant:tenant + 4], b"0000")
            # Each record names its key twice: as idempotency key and as a column.
            self.assertEqual(len(keys), 2_000)
            for place in keys:
                self.assertEqual(text[place:place + 23], rows.PLACEHOLDER.encode())
        self.assertEqual(sum(length for _, length, *_ in lines), len(text))


class ProcessTests(unittest.TestCase):
    def test_a_stopped_process_is_gone(self):
        process = processes.start(["sleep", "600"])
        self.assertEqual(processes.tree(process.pid), [process.pid])
        processes.stop(process)
        self.assertIn(process.returncode, (-signal.SIGTERM, -signal.SIGKILL))

    def test_a_process_that_ignores_being_asked_is_killed(self):
        process = processes.start(
            ["sh", "-c", "trap '' TERM; echo ready; sleep 600 & wait; wait"],
            stdout=subprocess.PIPE, text=True)
        self.assertEqual(process.stdout.readline(), "ready\n")
        processes.stop(process, grace=0.1)
        self.assertEqual(process.returncode, -signal.SIGKILL)
        process.stdout.close()


class VerifyTests(unittest.TestCase):
    def check(self, lines, total=5, distinct=5, at_least=5, at_most=5):
        return verify.verify(lines, total, distinct, at_least, at_most)

    def test_what_was_sent_passes(self):
        self.assertEqual(self.check(stored_lines({0: 3, 7: 2})), 5)

    def test_rows_under_way_may_or_may_not_be_stored(self):
        self.assertEqual(self.check(stored_lines({0: 3, 7: 2}), at_least=4, at_most=6), 5)

    def test_a_lost_row_fails(self):
        with self.assertRaises(verify.VerificationFailed):
            self.check(stored_lines({0: 3, 7: 1}), total=4, distinct=4)

    def test_a_row_too_many_fails(self):
        with self.assertRaises(verify.VerificationFailed):
            self.check(stored_lines({0: 3, 7: 3}), total=6, distinct=6)

    def test_a_key_stored_twice_fails(self):
        with self.assertRaises(verify.VerificationFailed):
            self.check(stored_lines({0: 3, 7: 2}), distinct=4)

    def test_any_altered_value_fails(self):
        for place in range(2, 15):
            lines = stored_lines({0: 3, 7: 2})
            value = lines[1][place]
            lines[1][place] = value + "1" if isinstance(value, str) else value + 1
            with self.subTest(place=place), self.assertRaises(verify.VerificationFailed):
                self.check(lines)

    def test_decimals_are_read_in_every_spelling(self):
        self.assertEqual([verify.cents(text) for text in ("12.5", "12.50", "12", 12.5, "0.07")],
                         [1250, 1250, 1200, 1250, 7])
        self.assertEqual(verify.cents(0.1 + 0.2), 30)


class SampleTests(unittest.TestCase):
    def test_median_and_percentiles(self):
        self.assertEqual(samples.median([3, 1, 2]), 2)
        self.assertEqual(samples.median([4, 1, 2, 3]), 2.5)
        values = list(range(1, 101))
        self.assertEqual([samples.percentile(values, share) for share in (0.5, 0.95, 0.99, 1)],
                         [50, 95, 99, 100])
        self.assertEqual(samples.percentile([7], 0.99), 7)

    def test_figures_are_written_with_three_digits(self):
        self.assertEqual([samples.rounded(value) for value in (0, 0.01234, 1.234, 56.78, 123456.7)],
                         ["0", "0.0123", "1.23", "56.8", "123,457"])


class TargetTests(unittest.TestCase):
    figures = {"ours": samples.spread([300, 100, 200]), "theirs": samples.spread([50])}

    def test_a_ratio_of_medians_is_held_against_the_bound(self):
        verdicts = [
            judged(Target("", "ours", bound, True, "theirs", "×"), self.figures)[2:]
            for bound in (4, 5)]
        self.assertEqual(verdicts, [["4.00 ×", "met"], ["4.00 ×", "**not met**, 80.0% of it"]])

    def test_an_upper_bound(self):
        self.assertEqual(
            judged(Target("", "theirs", 25, False, None, "ms"), self.figures)[3],
            "**not met**, 2.00 times the bound")

    def test_what_was_not_measured_is_not_met_silently(self):
        self.assertEqual(
            judged(Target("", "missing", 1, True), self.figures)[3], "not measured in this run")

    def test_targets_have_names_of_their_own(self):
        self.assertEqual(len({target.text for target in TARGETS}), len(TARGETS))


class ReportTests(unittest.TestCase):
    def test_only_the_part_between_the_marks_is_replaced(self):
        page = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
        self.assertEqual(report.replaced(page, "new"), page.replace("old", "new"))

    def test_results_of_several_runs_are_one(self):
        def run(day, answers, failures=()):
            return {"machine": {"started_at": day}, "versions": {}, "quick": False, "rounds": 1,
                    "seconds": 60, "durability": {"x": "fsync"},
                    "questions": {name: {"day": day} for name in answers},
                    "failures": {name: "failed" for name in failures}}

        first = report.merged([run("1", ["single", "bulk"], ["days"])])
        both = report.merged([first, run("2", ["bulk", "days"])])
        self.assertEqual({name: answer["day"] for name, answer in both["questions"].items()},
                         {"single": "1", "bulk": "2", "days": "2"})
        self.assertEqual(both["failures"], {})
        self.assertEqual([(part["machine"]["started_at"], part["answered"])
                          for part in both["parts"]], [("1", ["single"]), ("2", ["bulk", "days"])])
        self.assertEqual(report.merged([both]), both)

    def test_the_page_has_the_marks(self):
        with open(report.PAGE) as file:
            page = file.read()
        self.assertEqual(page.count(report.BEGIN), 1)
        self.assertLess(page.index(report.BEGIN), page.index(report.END))

    def test_a_table_shows_medians_and_spreads(self):
        table = report.markdown_table(["x", "y"], [["a", samples.spread([1.0, 2.0, 4.0])]])
        self.assertEqual(table.split("\n")[2], "| a | 2.00 (1.00–4.00) |")

    def test_a_plot_is_xml_and_names_its_series(self):
        series = {"a & b": [(1, 10, 9, 12), (64, 1000, 900, 1100)], "c": [(1, 0, 0, 0)]}
        text = svg.plot("t", "x", "y", series)
        ElementTree.fromstring(text)
        self.assertIn("a &amp; b", text)
        ElementTree.fromstring(svg.plot("t", "x", "y", {"one": [("count", 3.0, 2.0, 4.0)]}))


class ChoiceTests(unittest.TestCase):
    def test_the_versions_of_all_peers_are_pinned(self):
        self.assertLessEqual(set(PEERS), set(pinned()))

    def test_questions_are_chosen_by_name_and_by_group(self):
        self.assertEqual(chosen([]), QUESTIONS)
        self.assertEqual([entry.name for entry in chosen(["visible"])], ["visible"])
        self.assertIn("single", [entry.name for entry in chosen(["ingest"])])
        with self.assertRaises(SystemExit):
            chosen(["singel"])


if __name__ == "__main__":
    unittest.main()
