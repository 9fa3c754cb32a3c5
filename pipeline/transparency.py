"""The record of the algorithm: the UK's Algorithmic Transparency Recording Standard, and GUILD (Gilbert et al. 2018).

Both are filled from the parameters and from the controlled tables of this run; what only the force can say stands in
params.yaml under `record`. Builds on pipeline.wording.
"""

import pandas as pd

from pipeline.wording import write_date, write_number, write_percent

FIELDS = ["Field", "Entry"]
# Shares of people, which disclosure control hides where few are on one side.
OF_PEOPLE = {"link rate", "clients matched by several people"}
HIDDEN = "not shown, because too few people are on one side"


def find_check(link_quality: pd.DataFrame, check: str) -> str:
    """Return the least value of a check of the linkage over arms and periods, with four decimals; why not where there is none to show."""
    rows = link_quality[link_quality["check"].eq(check)] if len(link_quality) else pd.DataFrame(columns=["value"])
    known = rows["value"].dropna()
    if len(known):
        return write_number(known.min(), 4)
    return HIDDEN if len(rows) and check in OF_PEOPLE else "not known"


def count_contacts(link_quality: pd.DataFrame) -> str:
    """Return how many contacts were looked at, rounded."""
    rows = link_quality[link_quality["check"].eq("contacts without a person")]["n"].dropna() if len(link_quality) else pd.Series(dtype=float)
    return "an unknown number of" if rows.empty else f"{int(rows.iloc[0]):,}"


def find_version(provenance: pd.DataFrame, item: str) -> str:
    """Return a version or hash from the provenance of this run."""
    rows = provenance.loc[provenance["item"].eq(item), "value"] if len(provenance) else pd.Series(dtype=str)
    return "not known" if rows.empty else str(rows.iloc[0])


def describe_performance(tables: dict[str, pd.DataFrame]) -> str:
    """Return in words how good the linkage is: by the model, by the truth where known, by a reviewer where there was one."""
    quality = tables["link_quality"]
    words = [f"By the model's own probabilities: precision at least {find_check(quality, 'expected precision')}, recall at least {find_check(quality, 'expected recall')} in either arm and period"]
    truth = tables.get("link_thresholds_truth", pd.DataFrame())
    chosen = tables.get("link_thresholds", pd.DataFrame())
    if len(truth) and len(chosen):
        at = truth[truth["accept_from"].isin(chosen.loc[chosen["is_chosen"], "accept_from"])].set_index("measure")["value"]
        words.append(f"against the truth of the simulation: precision {write_number(at['precision'], 4)}, recall {write_number(at['recall'], 4)}, F1 {write_number(at['f1'], 4)}")
    review = tables.get("clerical_review", pd.DataFrame())
    if len(review):
        words += [f"by a reviewer: {row.measure} {write_number(row.value, 3)}" for row in review[review["arm"].eq("all")].itertuples()]
    return "; ".join(words) + f". Share of clients found in the contact records: {percent_of(find_check(quality, 'link rate'))}. Values by arm, period and threshold stand in the section on linkage."


def percent_of(share: str) -> str:
    """Return a share in words as a percentage."""
    return share if share in ("not known", HIDDEN) else write_percent(100 * float(share))


def describe_change(tables: dict[str, pd.DataFrame], parameters) -> str:
    """Return in words whether the linkage changes with referral."""
    lost = find_check(tables["link_quality"], "recall lost after referral")
    if lost == "not known":
        return "could not be tested on these extracts"
    return f"tested in every run: a share of {lost} of contacts is lost after referral beyond people never referred, against a pass mark of {parameters.pass_marks.recall_change_at_most:g} either way"


def list_record(tables: dict[str, pd.DataFrame], parameters) -> pd.DataFrame:
    """Return the fields of the algorithmic transparency record with their entries; empty where the linking was done elsewhere."""
    if tables["link_quality"].empty:
        return pd.DataFrame()
    record, linkage, provenance = parameters.record, parameters.linkage, tables["provenance"]
    reviewed = "A sample was reviewed for this run." if len(tables.get("clerical_review", ())) else "No sample was reviewed for this run."
    rows = [
        ("Name", f"Linkage of police contacts for the evaluation of {parameters.report.scheme}"),
        ("What it does, in short", "Decides which contact records with a police force belong to one person, and which of these people were referred to the scheme, so that demand before and after referral can be counted."),
        ("Organisation", record.organisation),
        ("Team", record.team),
        ("Senior responsible owner", record.responsible_owner),
        ("Contact for questions and review", record.contact),
        ("Phase", record.phase),
        ("Supplier", "No supplier. The code is open and runs on the force's own secure computer; nothing is sent to anybody."),
        ("Purpose and benefit", "To find out whether the scheme lowers demand. Contact records carry no key of a person that is always filled in; without linking nobody could be followed."),
        ("What it is not for", "Decisions about individuals. No person is scored, ranked, targeted or flagged; its results leave the computer only as counts and rates of many people."),
        ("Before this tool", "The scheme's own count of its clients' contacts before and after referral, found one by one by their details."),
        ("Alternatives considered", "The force's person number alone, which many contacts lack; exact agreement of details, which loses people who change their telephone or are misspelt; linking by hand, which cannot be rerun."),
        ("How it works", "Contacts with the same details are taken together; pairs of distinct details are compared field by field (forename, surname, date of birth, sex, telephone, place, person number), and each agreement or disagreement adds or takes weight as the model of Fellegi and Sunter (1969) says. Stated rules then drop pairs that contradict each other. The scheme's register is attached last, so that clients and others are found alike."),
        ("Model and version", f"Probabilistic record linkage, Splink {find_version(provenance, 'splink')}; pipeline at commit {find_version(provenance, 'git')[:12]}"),
        ("How it was trained", f"On the contact records themselves, without examples labelled by people: u from a random sample, m by expectation maximisation; seed {linkage.seed}. Pairs from a match probability of {linkage.accept_from:g} on are taken as one person."),
        ("Input", "Forename, surname, date of birth, sex, telephone, address, postcode and the force's person number in contact records; the same but the number in the scheme's register. Ethnicity, health and the content of a contact are not used."),
        ("Output", "For every contact a pseudonymous person, a keyed hash that means nothing without its key, with a match probability. Names and addresses end at this stage."),
        ("Frequency and scale", f"Run once per evaluation, and again for each check; {count_contacts(tables['link_quality'])} contacts in this run."),
        ("People in the process", f"An analyst sets the parameters beforehand and reads every check before any effect; a missed pass mark stands in the report's first lines. Pairs of records can be drawn for clerical review, and the judgements become precision and recall. {reviewed}"),
        ("Training needed", "Command of the README and of this report; reviewers need the force's own instruction on reading records."),
        ("Appeal and review", f"Nobody is affected by a link individually. Contact for questions about the use of one's data: {record.contact}"),
        ("Performance", describe_performance(tables)),
        ("Differences between groups", f"Change of linkage with referral: {describe_change(tables, parameters)}. Linked and unlinked are compared by completeness, year, channel, role, kind of contact, sex and age."),
        ("Risk: a wrong link", f"Demand moves from one person to another. Answered by an accept threshold of {linkage.accept_from:g}, by rules against contradictions, and by leaving telephones and addresses of more than {linkage.shared_by_at_most} differently named people out."),
        ("Risk: a missed link after referral", "Looks like success. Answered by linking both arms from the contacts alone, by the test above, and by uncertainty carried into the effect."),
        ("Risk: loss of personal data", "Personal details stay on the secure disk, are never cached or put under version control, and everything published is searched for them; counts below "
         f"{parameters.disclosure.threshold} are suppressed and others rounded to {parameters.disclosure.rounding}."),
        ("Impact on people", "No direct impact; an indirect one through what is decided about the scheme. A data protection impact assessment is the force's to make."),
        ("Maintenance", "The model is trained anew on each set of extracts; tests and contracts run with every change; versions of all packages are locked with their hashes."),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=FIELDS)


def list_guild(tables: dict[str, pd.DataFrame], parameters) -> pd.DataFrame:
    """Return GUILD's three steps (data provision, linkage, analysis) with what this run says to each item."""
    quality, provenance = tables["link_quality"], tables["provenance"]
    if quality.empty:
        return pd.DataFrame()
    study, linkage = parameters.study, parameters.linkage
    n_files = int(provenance["kind"].eq("extract").sum())
    unplaced, several = (find_check(quality, check) for check in ("contacts without a person", "clients matched by several people"))
    rows = [
        ("1 Data provision", "Population and period", f"Everyone recorded in contacts from {write_date(study.contacts_from)} to {write_date(study.contacts_to)}; the register from {write_date(study.referrals_from)} to {write_date(study.referrals_to)}; {n_files} files, each with its SHA-256 under Provenance."),
        ("1 Data provision", "How the data came about", "Records of calls and incidents, entered by call handlers and officers for operational use; the register, entered by the scheme."),
        ("1 Data provision", "Quality of identifiers", "Completeness of each identifier is shown by arm and period, and every extract is held to stated rules before it is used."),
        ("1 Data provision", "What was altered or withheld before linking", "Details are standardised (case, spacing, telephone and postcode formats); nothing is left out except contacts that say fewer than two things about a person "
         f"(share without a person: {unplaced})."),
        ("2 Linkage", "Who linked, and where", "The analysts of the evaluation, on the secure computer that holds the extracts. Linking and analysis are not done by separate parties; identifiers end with the linkage."),
        ("2 Linkage", "Method", f"Probabilistic, by Splink {find_version(provenance, 'splink')}, with the parameters of this run: pairs kept from {linkage.floor:g}, accepted from {linkage.accept_from:g}."),
        ("2 Linkage", "Uncertain links", f"Each link carries its match probability; pairs between floor and threshold are kept and used for other thresholds. Share of clients whom several people match: {several}."),
        ("2 Linkage", "Errors of the linkage", describe_performance(tables)),
        ("2 Linkage", "Linked against unlinked", "Shown by completeness, period, channel, role, kind of contact, sex and age, with standardised differences."),
        ("3 Analysis", "Errors that differ between groups", f"Change of linkage with referral: {describe_change(tables, parameters)}."),
        ("3 Analysis", "How the analysis takes account of errors", "Both arms are measured alike; the effect is estimated again under other thresholds and, where the run holds them, over draws of uncertain identities."),
        ("3 Analysis", "Disclosure", f"Counts below {parameters.disclosure.threshold} are suppressed, others rounded to {parameters.disclosure.rounding}."),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["Step", "Item", "Here"])
