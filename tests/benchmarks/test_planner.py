"""What the command that compares the planner with others counts and prints."""

from benchmarks import planner


def test_the_score_is_over_classes_that_occur():
    # By hand: 3 / 4, 2 / 3, and a class that is neither there nor found.
    matrix = [[3, 1, 0], [0, 2, 0], [0, 0, 0]]
    assert planner._scored(matrix, "")["miou"] == round((3 / 4 + 2 / 3) / 2, 5)


def test_the_table_has_the_means_over_the_seeds_of_that_budget():
    def line(name, side, seed, miou, minutes=5.0):
        return dict(set=name, side=side, seed=seed, miou=miou, minutes=minutes)

    lines = [
        line("eye", "plan", 0, 0.8),
        line("eye", "plan", 1, 0.9),
        line("eye", "keras", 0, 0.5),
        line("crack", "plan", 0, 0.7),
        line("crack", "keras", 0, None),
        line("crack", "plan", 0, 0.1, minutes=1.0),
    ]
    assert planner.table(lines, 5.0).splitlines() == [
        "| set | plan | keras |",
        "|---|---|---|",
        "| eye | 0.850 (2) | 0.500 (1) |",
        "| crack | 0.700 (1) | refused |",
    ]
