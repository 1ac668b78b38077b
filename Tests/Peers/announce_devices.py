"""Announces devices as programs of others do: announce_devices.py PORT.

By ha-mqtt-discoverable (a sensor, a binary sensor, a switch and a number of one device), and by paho-mqtt in the
words of Tasmota, which HATasmota reads back and whose topics are printed as one JSON object: what it would listen
to and command. Then lives until its input ends, and does what it is told as the switch.
"""
import json
import sys

import paho.mqtt.client as mqtt
from ha_mqtt_discoverable import DeviceInfo, Settings
from ha_mqtt_discoverable.sensors import (BinarySensor, BinarySensorInfo, Number, NumberInfo, Sensor, SensorInfo,
                                          Switch, SwitchInfo)
from hatasmota.discovery import TasmotaDiscoveryMsg
from hatasmota.utils import get_topic_command, get_topic_stat, get_topic_tele_sensor, get_topic_tele_will

port = int(sys.argv[1])
broker = Settings.MQTT(host="127.0.0.1", port=port)
device = DeviceInfo(name="Shed", identifiers="shed-1", manufacturer="Garden", model="Hut")

temperature = Sensor(Settings(mqtt=broker, entity=SensorInfo(
    name="temperature", unit_of_measurement="°C", unique_id="shed-t", device=device)))
door = BinarySensor(Settings(mqtt=broker, entity=BinarySensorInfo(
    name="door", device_class="door", unique_id="shed-d", device=device)))


def switched(client, _, message):
    (lamp.on if message.payload == b"ON" else lamp.off)()


def numbered(client, _, message):
    level.set_value(float(message.payload))


lamp = Switch(Settings(mqtt=broker, entity=SwitchInfo(name="lamp", unique_id="shed-l", device=device)), switched)
level = Number(Settings(mqtt=broker, entity=NumberInfo(
    name="level", min=0, max=50, mode="box", step=1, unique_id="shed-n", device=device)), numbered)
lamp.off()
level.set_value(10)
temperature.set_state(21.5)
door.on()

config = {"ip": "192.0.2.7", "dn": "Kettle", "fn": ["Kettle", None], "hn": "kettle-1", "mac": "AABBCCDDEEFF",
          "md": "Sonoff S31", "ty": 0, "if": 0, "ofln": "Offline", "onln": "Online",
          "state": ["OFF", "ON", "TOGGLE", "HOLD"], "sw": "14.2.0", "t": "kettle",
          "ft": "%topic%/%prefix%/", "tp": ["cmnd", "stat", "tele"], "rl": [1] + [0] * 7,
          "swc": [-1] * 8, "swn": [None] * 8, "btn": [0] * 8, "so": {str(n): 0 for n in (4, 11, 13, 17, 20, 30, 68, 73, 82, 114, 117)}, "lk": 0, "lt_st": 0, "sho": [0] * 4,
          "ver": 1}
sensors = {"sn": {"Time": "2026-01-01T00:00:00", "AM2301": {"Temperature": 20.5, "Humidity": 40.1},
                  "TempUnit": "C"}, "ver": 1}
seen = TasmotaDiscoveryMsg(config)
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="tasmota")
client.connect("127.0.0.1", port)
client.loop_start()
for name, value in (("config", config), ("sensors", sensors)):
    client.publish(f"tasmota/discovery/AABBCCDDEEFF/{name}", json.dumps(value), qos=1, retain=True).wait_for_publish()
print(json.dumps({"command": get_topic_command(seen), "state": get_topic_stat(seen),
                  "sensor": get_topic_tele_sensor(seen), "will": get_topic_tele_will(seen)}), flush=True)
sys.stdin.read()
