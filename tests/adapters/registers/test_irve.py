"""French stations: grouped files of two generations, and the official schema per charge point."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.errors import UserError
from core.station import ConnectorRef, Facility, NoPrice, Plug
from core.tariff import flat_tariff
from tests.adapters.registers.reading import read, write_csv

FREE = flat_tariff("EUR", Decimal(0))


def of_2021(**changes: Any) -> dict[str, Any]:
    return {
        "n_operateur": "Opérateur",
        "n_enseigne": "Réseau Lin",
        "id_station": "FR*LIN*P1",
        "n_station": "Place de la Gare",
        "ad_station": "1 place de la Gare 75001 Paris",
        "nbre_pdc": "3",
        "Xlongitude": "2.35",
        "Ylatitude": "48.85",
        "acces_recharge_grouped": "payant",
        "accessibilité_grouped": "24/24 7/7 jours",
        "nb_prises_grouped": "3",
        "nb_T2_grouped": "2",
        "nb_T3c_grouped": "1",
        "nb_EF_grouped": "0",
        "nb_chademo_grouped": "0",
        "nb_combo_grouped": "0",
    } | changes


def of_2022(**changes: Any) -> dict[str, Any]:
    return {
        "nom_operateur": "Opérateur",
        "nom_enseigne": "non_renseigné",
        "id_station_itinerance": "FRLINP1",
        "id_station_local": "",
        "nom_station": "Place de la Gare",
        "adresse_station": "1 place de la Gare 75001 Paris",
        "nbre_pdc": "2",
        "station_deux_roues": "false",
        "observations": "aucune",
        "Xlongitude": "2.35",
        "Ylatitude": "48.85",
        "horaires_grouped": "Mo-Fr 08:00-19:00",
        "gratuit_grouped": "false",
        "accessibilite_pmr_grouped": "Accessible mais non réservé PMR",
        "nb_prises_grouped": "2",
        "nb_EF_grouped": "2",
        "nb_T2_grouped": "2",
        "nb_combo_ccs_grouped": "0",
        "nb_chademo_grouped": "0",
        "nb_autre_grouped": "0",
    } | changes


def point(**changes: Any) -> dict[str, Any]:
    return {
        "nom_operateur": "Opérateur",
        "nom_enseigne": "Réseau Lin",
        "telephone_operateur": "0100000000",
        "siren_amenageur": "123456789",
        "id_station_itinerance": "FRLINP1",
        "id_station_local": "",
        "nom_station": "Place de la Gare",
        "adresse_station": "1 place de la Gare 75001 Paris",
        "coordonneesXY": "[2.35, 48.85]",
        "id_pdc_itinerance": "FRLINE11",
        "id_pdc_local": "",
        "puissance_nominale": "22",
        "prise_type_ef": "false",
        "prise_type_2": "true",
        "prise_type_combo_ccs": "false",
        "prise_type_chademo": "false",
        "prise_type_autre": "false",
        "gratuit": "false",
        "tarification": "0,35 €/kWh",
        "condition_acces": "Accès libre",
        "horaires": "24/7",
        "accessibilite_pmr": "Accessibilité inconnue",
        "restriction_gabarit": "Hauteur maximale 2m",
        "station_deux_roues": "false",
        "observations": "",
        "date_maj": "2024-05-01",
    } | changes


def test_the_generation_of_2021(tmp_path: Path) -> None:
    station = read("irve", write_csv(tmp_path / "idf_2021-12-05.csv", [of_2021()])).only
    assert (station.external_id, station.global_id) == ("FRLINP1", "FRLINP1")
    assert (station.name, station.operator_name) == ("Place de la Gare", "Réseau Lin")
    assert station.hours.always
    assert [(one.plug, one.count) for one in station.connectors] == [(Plug.TYPE2, 2), (Plug.TYPE3, 1)]
    assert station.connectors[0].no_price is NoPrice.TEXT_ONLY
    assert station.price_text == "payant"
    assert station.licence == "Licence Ouverte 2.0"


def test_both_generations_are_the_same_station(tmp_path: Path) -> None:
    older = read("irve", write_csv(tmp_path / "a.csv", [of_2021()])).only
    newer = read("irve", write_csv(tmp_path / "b.csv", [of_2022()])).only
    by_point = read("irve", write_csv(tmp_path / "c.csv", [point()])).only
    assert older.id == newer.id == by_point.id


def test_the_generation_of_2022(tmp_path: Path) -> None:
    station = read("irve", write_csv(tmp_path / "b.csv", [of_2022()])).only
    assert station.operator_name == "Opérateur"
    assert station.facilities == {Facility.ACCESSIBLE}
    assert station.guide == ""
    assert len(station.hours.periods) == 5
    # Two charge points with two plugs each: the plugs share them.
    assert {one.pile for one in station.connectors} == {"FRLINP1"}
    assert station.connectors[0].no_price is NoPrice.NOT_PUBLISHED


def test_declared_free(tmp_path: Path) -> None:
    older = read("irve", write_csv(tmp_path / "idf_2021-12-05.csv", [of_2021(acces_recharge_grouped="Gratuit")]))
    assert older.tariff(older.only) == FREE
    seen_at = older.only.connectors[0].price_seen_at
    assert seen_at is not None
    assert seen_at.date().isoformat() == "2021-12-05"
    newer = read("irve", write_csv(tmp_path / "b.csv", [of_2022(gratuit_grouped="true")]))
    assert newer.tariff(newer.only) == FREE


def test_points_without_plugs_are_guns_of_an_unknown_kind(tmp_path: Path) -> None:
    row = of_2022(nb_EF_grouped="0", nb_T2_grouped="0", nbre_pdc="4")
    gun = read("irve", write_csv(tmp_path / "b.csv", [row])).only.connectors[0]
    assert (gun.plug, gun.count) == (Plug.UNKNOWN, 4)


def test_refusals(tmp_path: Path) -> None:
    rows = [
        of_2022(id_station_itinerance="FRLINP2", station_deux_roues="true"),
        of_2022(id_station_itinerance="FRLINP3", Xlongitude="48.85", Ylatitude="2.35"),
        of_2022(id_station_itinerance=""),
        of_2022(),
        of_2022(id_station_itinerance="fr*lin*p1"),
        of_2022(id_station_itinerance="FRLINP4", Ylatitude="Paris"),
    ]
    found = read("irve", write_csv(tmp_path / "b.csv", rows))
    assert found.only.external_id == "FRLINP1"
    assert found.reasons == {
        "not_for_cars": 1,
        "swapped_coordinates": 1,
        "missing_id": 1,
        "duplicate_id": 1,
        "bad_coordinates": 1,
    }


def test_overseas(tmp_path: Path) -> None:
    station = read("irve", write_csv(tmp_path / "c.csv", [point(coordonneesXY="[55.45,-20.88]")])).only
    assert station.time_zone == "Indian/Reunion"


def test_charge_points_of_a_station_are_merged_wherever_they_stand(tmp_path: Path) -> None:
    rows = [
        point(),
        point(id_station_itinerance="FRLINP9", id_pdc_itinerance="FRLINE91"),
        point(
            id_pdc_itinerance="FR*LIN*E12",
            puissance_nominale="50",
            prise_type_combo_ccs="true",
            nom_station="Gare",
            date_maj="2024-06-01",
        ),
    ]
    found = read("irve", write_csv(tmp_path / "c.csv", rows))
    assert [one.external_id for one in found.stations] == ["FRLINP9", "FRLINP1"]
    station = found.stations[1]
    assert station.name == "Gare"
    assert [(one.ref, one.plug, one.power_kw) for one in station.connectors] == [
        (ConnectorRef("FRLIN", "FRLINE11"), Plug.TYPE2, Decimal("22.0")),
        (ConnectorRef("FRLIN", "FR*LIN*E12:type2"), Plug.TYPE2, None),  # 50 kW is the power of the DC plug
        (ConnectorRef("FRLIN", "FR*LIN*E12:ccs2"), Plug.CCS2, Decimal("50.0")),
    ]
    assert found.tariff(station) == flat_tariff("EUR", Decimal("0.35"))
    assert station.guide == "Hauteur maximale 2m"
    assert station.phone == "0100000000"


def test_the_newer_word_on_a_charge_point_counts(tmp_path: Path) -> None:
    rows = [
        point(puissance_nominale="11", date_maj="2023-01-01"),
        point(),
        point(puissance_nominale="7", date_maj="2022-01-01"),
    ]
    found = read("irve", write_csv(tmp_path / "c.csv", rows))
    assert [one.power_kw for one in found.only.connectors] == [Decimal("22.0")]
    assert found.reasons == {"duplicate_id": 2}


def test_prices_per_charge_point(tmp_path: Path) -> None:
    rows = [
        point(id_station_itinerance=f"FRLINP{n}", id_pdc_itinerance=f"FRLINE{n}", gratuit=gratuit, tarification=text)
        for n, (gratuit, text) in enumerate(
            [
                ("true", ""),
                ("true", "Gratuit"),
                ("true", "0,35 €/kWh après 1 h"),
                ("false", ""),
                ("", "35 €/kWh"),
                ("false", "2 € la première heure"),
            ]
        )
    ]
    found = read("irve", write_csv(tmp_path / "c.csv", rows))
    assert [one.connectors[0].no_price for one in found.stations] == [
        None,
        None,
        NoPrice.TEXT_ONLY,
        NoPrice.NOT_PUBLISHED,
        NoPrice.IMPLAUSIBLE,
        NoPrice.TEXT_ONLY,
    ]
    assert list(found.tariffs.values()) == [FREE]
    assert found.reasons == {"implausible_price": 1}
    assert found.stations[5].price_text == "2 € la première heure"


def test_outside_roaming_the_operators_own_id_counts(tmp_path: Path) -> None:
    rows = [
        point(id_station_itinerance="Non concerné", id_station_local="G1", id_pdc_itinerance="Non concerné"),
        point(id_station_itinerance="Non concerné", id_pdc_itinerance="Non concerné"),
    ]
    found = read("irve", write_csv(tmp_path / "c.csv", rows))
    assert (found.only.external_id, found.only.global_id) == ("123456789:G1", None)
    assert found.reasons == {"missing_id": 1}


def test_one_bad_charge_point_leaves_the_others(tmp_path: Path) -> None:
    rows = [point(), point(id_pdc_itinerance="FRLINE12", coordonneesXY="nowhere", date_maj="2020-01-01")]
    found = read("irve", write_csv(tmp_path / "c.csv", rows))
    assert len(found.only.connectors) == 2
    assert read("irve", write_csv(tmp_path / "d.csv", [point(coordonneesXY="")])).reasons == {"bad_coordinates": 1}


def test_reserved_access_is_not_public(tmp_path: Path) -> None:
    assert not read("irve", write_csv(tmp_path / "c.csv", [point(condition_acces="Accès réservé")])).only.public


def test_another_file_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="wrong_file"):
        read("irve", write_csv(tmp_path / "x.csv", [{"station_id": "1", "latitude": "1"}]))
