"""The leaderboard page in a real browser: sorting, filters, views, themes, the plot, and a hostile model."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness_records import COVID, MOUSE, TATA, write_record

from dnamask_plugins.results import record_files
from dnamask_plugins.results.leaderboard import build
from dnamask_plugins.results.published import published as published_record
from dnamask_plugins.results.records import ModelInfo, Provenance, RunInfo, TaskInfo
from dnamask_plugins.tasks import gue

pytestmark = pytest.mark.browser

EVIL = "\"'></td></script></option><script>window.owned=1</script><img src=x onerror=window.owned=2>{{7*7}}"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
SHOWN = "[...document.querySelectorAll('[data-board] tbody tr:not([hidden])')]"


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("records")
    tasks = [TaskInfo(task.name, "gue", task.metric, task.classes, task.species) for task in gue()]
    for name, right, steps, strategy in (
        ("tiny-gems", 0.9, 10_000, "cm_gems"),
        ("tiny-span", 0.7, 120_000, "span"),
    ):
        model = ModelInfo(
            name, backbone="bert_tiny", tokenizer="kmer", strategy=strategy, pretraining_steps=steps
        )
        for task in tasks:
            write_record(folder, task=task, model=model, right=right)
    for task in (TATA, MOUSE):
        write_record(folder, task=task, model=ModelInfo("logo-only-two", backbone="logo"), right=0.95)
    evil = ModelInfo(EVIL, backbone=EVIL, tokenizer=EVIL, strategy=EVIL, pretraining_steps=500)
    for task in tasks:
        write_record(
            folder, task=task, model=evil, right=0.6, run=RunInfo(recipe={"name": EVIL}, method="probe")
        )
    for name, value in (("paper-a", 0.99), ("paper-b", 0.01)):
        for task in (TATA, COVID):
            model = ModelInfo(name, backbone="dnabert", pretraining_steps=120_000)
            record_files.write(
                published_record(model, task, value, Provenance("a paper <b>", "Table 4")), (), folder
            )
    return build([folder], tmp_path_factory.mktemp("page")).page


@pytest.fixture(scope="module")
def driver(tmp_path_factory) -> Iterator[object]:
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    service = shutil.which("chromedriver")
    if binary is None or service is None:
        pytest.skip("no Chromium here: apt-get install chromium chromium-driver")
    options = selenium.ChromeOptions()
    options.binary_location = binary
    for flag in (*FLAGS, "--window-size=1440,1200", f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = selenium.Chrome(options=options, service=selenium.ChromeService(service))
    yield browser
    browser.quit()


@pytest.fixture
def open_page(driver, page):
    from selenium.webdriver.support.ui import WebDriverWait

    driver.get(page.as_uri())
    driver.execute_script("try { localStorage.clear() } catch {}")
    driver.get(page.as_uri())
    WebDriverWait(driver, 20).until(
        lambda d: d.execute_script("return document.querySelector('[data-board]').dataset.drawn")
    )
    return driver


def models(driver) -> list[str]:
    return driver.execute_script(f"return {SHOWN}.map(row => row.dataset.model)")


def choose(driver, name: str, value: str) -> None:
    driver.execute_script(
        "const s = document.querySelector(`[data-filter=${arguments[0]}]`); s.value = arguments[1];"
        "s.dispatchEvent(new Event('change'))",
        name,
        value,
    )


def click_head(driver, label: str) -> str:
    from selenium.webdriver.common.by import By

    for head in driver.find_elements(By.CSS_SELECTOR, "[data-board] thead th"):
        button = head.find_element(By.TAG_NAME, "button")
        if head.is_displayed() and button.text == label:
            driver.execute_script("arguments[0].scrollIntoView({inline: 'center', block: 'center'})", button)
            button.click()
            return head.get_attribute("aria-sort")
    raise AssertionError(f"no column '{label}'")


def test_sorting_by_score_puts_missing_figures_last_both_ways(open_page):
    complete = ["tiny-gems", "tiny-span", EVIL]
    assert models(open_page)[:3] == complete
    assert click_head(open_page, "Human") == "descending"
    assert models(open_page)[:3] == complete
    assert click_head(open_page, "Human") == "ascending"
    assert models(open_page)[:3] == complete[::-1]
    assert set(models(open_page)[3:]) == {"logo-only-two", "paper-a", "paper-b"}


def test_sorting_by_name_and_by_steps(open_page):
    assert click_head(open_page, "Model") == "ascending"
    assert [name for name in models(open_page) if name != EVIL] == [
        "logo-only-two",
        "paper-a",
        "paper-b",
        "tiny-gems",
        "tiny-span",
    ]
    click_head(open_page, "Steps")
    click_head(open_page, "Steps")
    assert models(open_page)[:2] == [EVIL, "tiny-gems"]
    assert models(open_page)[-1] == "logo-only-two"


def test_filters_narrow_table_and_plot_together(open_page):
    def drawn():
        return open_page.execute_script("return document.querySelector('[data-board]').dataset.drawn")

    choose(open_page, "backbone", "bert_tiny")
    assert set(models(open_page)) == {"tiny-gems", "tiny-span"}
    choose(open_page, "steps", "10000")
    assert models(open_page) == ["tiny-gems"]
    assert "1 of 6 entries" in open_page.execute_script("return document.querySelector('.shown').textContent")
    choose(open_page, "strategy", "span")
    assert models(open_page) == []
    assert open_page.execute_script("return !document.querySelector('.nothing').hidden")
    open_page.execute_script("document.querySelector('[data-reset]').click()")
    assert len(models(open_page)) == 6
    choose(open_page, "source", "published")
    assert set(models(open_page)) == {"paper-a", "paper-b"}
    choose(open_page, "source", "")
    choose(open_page, "tokenizer", "kmer")
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(open_page, 10).until(lambda _: drawn() == "2")


def test_search_finds_names(open_page):
    from selenium.webdriver.common.by import By

    open_page.find_element(By.CSS_SELECTOR, "[data-search]").send_keys("GEMS")
    assert models(open_page) == ["tiny-gems"]


def test_views_show_their_data_sets(open_page):
    def shown():
        return open_page.execute_script(
            "return [...document.querySelectorAll('[data-board] thead th[data-key]:not([hidden])')]"
            ".map(h => h.querySelector('button').textContent)"
        )

    assert shown()[:3] == ["All", "Human", "Non-human"]
    open_page.execute_script(
        "[...document.querySelectorAll('[data-view]')].find(b => b.textContent === 'Core promoter').click()"
    )
    assert shown()[0] == "Core promoter"
    assert sorted(shown()[1:]) == ["core all", "core notata", "core tata"]
    open_page.execute_script("document.querySelector('[data-view=every]').click()")
    assert len(shown()) == 28


def test_published_rows_are_marked_and_measured_ones_show_their_spread(open_page):
    badges = open_page.execute_script(
        f"return {SHOWN}.map(row => [row.dataset.source, row.querySelector('.badge').textContent,"
        " row.querySelectorAll('.sd').length])"
    )
    assert len(badges) == 6
    assert all(source == badge for source, badge, _ in badges)
    assert all((spreads > 0) == (source == "measured") for source, _, spreads in badges)


def test_a_hostile_model_is_only_text(open_page):
    for _ in range(2):
        click_head(open_page, "Model")
    choose(open_page, "backbone", EVIL)
    assert models(open_page) == [EVIL]
    choose(open_page, "backbone", "")
    open_page.execute_script(
        "for (const kind of ['pointerover', 'pointermove', 'mouseover', 'mousemove'])"
        " for (const mark of document.querySelectorAll('.chart svg path'))"
        "  mark.dispatchEvent(new MouseEvent(kind, {bubbles: true}))"
    )
    assert open_page.execute_script("return window.owned") is None
    assert open_page.execute_script("return document.querySelectorAll('img').length") == 0
    assert "owned" in open_page.execute_script(
        "return [...document.querySelectorAll('.name')].map(n => n.textContent).join()"
    )
    assert open_page.execute_script(
        "return [...document.querySelectorAll('.name')].some(n => n.textContent === arguments[0])", EVIL
    )


def test_an_injected_script_would_not_run(open_page):
    """The second wall: even a script that got into the page is refused by its policy."""
    open_page.execute_script(
        "const script = document.createElement('script');"
        "script.textContent = 'window.owned = 3';"
        "const image = document.createElement('div');"
        "image.innerHTML = '<img src=x onerror=\"window.owned=4\">';"
        "document.body.append(script, image)"
    )
    open_page.implicitly_wait(0.2)
    assert open_page.execute_script("return window.owned") is None


def test_nothing_is_fetched_and_nothing_complains(driver, open_page):
    import json

    driver.get_log("performance")
    driver.get_log("browser")
    driver.refresh()
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    urls = {
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    }
    assert urls
    assert all(url.startswith(("file:", "data:")) and "index.html" in url for url in urls)
    assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_themes_follow_the_system_and_the_button(open_page):
    def background():
        return open_page.execute_script("return getComputedStyle(document.body).backgroundColor")

    def system(scheme):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        open_page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    system("light")
    light = background()
    system("dark")
    assert background() != light
    open_page.execute_script("document.getElementById('theme').click()")
    assert background() == light
    system("light")


def test_on_a_phone_nothing_but_the_table_scrolls_sideways(open_page):
    size = {"width": 390, "height": 800, "deviceScaleFactor": 2, "mobile": True}
    open_page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        open_page.refresh()
        assert open_page.execute_script("return document.documentElement.scrollWidth") <= 390
        assert open_page.execute_script(
            "const box = document.querySelector('.scroller');"
            "return box.scrollWidth > box.clientWidth && box.clientWidth <= 390"
        )
        assert open_page.execute_script("return document.querySelector('details.filters').open") is False
    finally:
        open_page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_figure_opens_its_record(open_page):
    import json

    open_page.execute_script("document.querySelector('[data-view=every]').click()")
    href = open_page.execute_script(
        "return document.querySelector('tr[data-model=tiny-gems] td:not([hidden]) a').href"
    )
    open_page.get(href)
    content = json.loads(open_page.execute_script("return document.body.textContent"))
    assert content["model"]["name"] == "tiny-gems"
