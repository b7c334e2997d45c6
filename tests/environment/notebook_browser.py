"""JupyterLab through a headless Chromium, as a person uses it; every wait is bounded."""

import os

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.ui import WebDriverWait

NOTEBOOK_CARD = '.jp-LauncherCard[data-category="Notebook"]'
TERMINAL_CARD = '.jp-LauncherCard[data-category="Other"][title*="erminal"]'
ACTIVE_CELL = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell.jp-mod-active"


class Browser:
    def __init__(self, profile, wait=60):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in ("--headless=new", "--window-size=1400,900", "--disable-gpu", "--disable-dev-shm-usage",
                         "--no-first-run", "--no-proxy-server", "--disable-background-networking",
                         f"--user-data-dir={profile}"):
            options.add_argument(argument)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")  # Chromium's own sandbox refuses root
        service = webdriver.ChromeService("/usr/bin/chromedriver")
        self.driver = webdriver.Chrome(options=options, service=service)
        self.driver.set_page_load_timeout(wait)
        self.wait = WebDriverWait(self.driver, wait)

    def close(self):
        self.driver.quit()

    def open(self, url):
        self.driver.get(url)

    def forget_login(self):
        self.driver.delete_all_cookies()

    def find(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def appears(self, selector):
        return self.wait.until(expected_conditions.visibility_of_element_located((By.CSS_SELECTOR, selector)))

    def click(self, selector):
        self.wait.until(expected_conditions.element_to_be_clickable((By.CSS_SELECTOR, selector))).click()

    def asks_for_token(self):
        return bool(self.find("#password_input")) and not self.find("#jp-main-dock-panel")

    def open_lab(self, url):
        self.open(url)
        self.appears(NOTEBOOK_CARD)

    def new_notebook(self):
        self.click(NOTEBOOK_CARD)
        self.appears(ACTIVE_CELL + " .cm-content")
        self.wait.until(lambda _: self.find(".jp-NotebookPanel .jp-Notebook-ExecutionIndicator[data-status='idle']"))

    def run_cell(self, code):
        """Types one line into the active cell and runs it; a new cell is active afterwards."""
        editor = self.appears(ACTIVE_CELL + " .cm-content")
        editor.click()
        editor.send_keys(code)
        # A list of completions takes the Enter key.
        editor.send_keys(Keys.ESCAPE)
        webdriver.ActionChains(self.driver).key_down(Keys.SHIFT).send_keys(Keys.ENTER).key_up(Keys.SHIFT).perform()

    def outputs(self):
        return [each.text for each in self.find(".jp-NotebookPanel .jp-OutputArea-output")]

    def prompts(self):
        return [each.text for each in self.find(".jp-NotebookPanel .jp-InputPrompt")]

    def wait_for_output(self, text):
        self.wait.until(lambda _: any(text in each for each in self.outputs()), f"{text!r} not in {self.outputs()}")

    def interrupt_kernel(self):
        self.wait.until(lambda _: any("*" in each for each in self.prompts()), "no cell runs")
        self.click('.jp-NotebookPanel [data-command="notebook:interrupt-kernel"]')

    def open_terminal(self, lab_url):
        self.open(lab_url + "?reset")  # without the notebook of before, with the launcher
        self.appears(TERMINAL_CARD)
        self.click(TERMINAL_CARD)
        self.appears(".jp-Terminal .xterm-screen")

    def type_in_terminal(self, line):
        self.driver.find_element(By.CSS_SELECTOR, ".xterm-helper-textarea").send_keys(line + Keys.ENTER)

    def screenshot(self, path):
        if not self.driver.save_screenshot(str(path)):
            raise RuntimeError(f"no screenshot at {path}")
