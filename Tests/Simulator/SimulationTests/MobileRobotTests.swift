import Encoding
import Foundation
import Simulation
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// A robot that speaks VDA 5050 in a whole world: `depai run` is the fleet, the simulator the robot.
@Suite(.serialized, .endsHangs)
struct MobileRobotTests {
    @Test func `the running agent drives a VDA 5050 robot, once`() async throws {
        let scenario = try WorldTests.scenario(moreDevices: ["mobile-robot"])
        let (simulation, folder) = try WorldTests.simulation(scenario)
        defer { TemporaryFolder.remove(folder) }
        try await simulation.withWorld { world in
            let home = world.workshop.robot.path.string
            func depai(_ arguments: String...) async throws -> (code: Int32, text: String) {
                let result = try await run(
                    .path(Repository.program("depai")),
                    arguments: Arguments(["device"] + arguments + ["--home", home]),
                    output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
                let code: Int32 =
                    if case .exited(let code) = result.terminationStatus { Int32(code) } else { -1 }
                return (code, result.standardOutput + result.standardError)
            }
            _ = try await world.startRobot()
            _ = try await eventually("the robot's place") {
                let answer = try await depai("read", "robot-1", "node")
                return answer.code == 0 && answer.text.contains("n0") ? true : nil
            }
            let way = #"{"nodes": [{"node": "n0"}, {"node": "dock", "x": 1, "y": 0, "map": "hall"}]}"#
            for _ in 0..<2 {
                let driven = try await depai("invoke", "robot-1", "drive", way, "--id", "way-1", "--json")
                #expect(driven.code == 0, "\(driven.text)")
                #expect(driven.text.contains(#""state": "done""#), "\(driven.text)")
            }
            let read = try await depai("read", "robot-1", "node")
            #expect(read.text.contains("dock"))
            let bad = try await depai("invoke", "robot-1", "drive", way, "--id", "way-2")
            // It stands at the dock now, not at n0.
            #expect(bad.code == 1 && bad.text.contains("noRouteError"), "\(bad.text)")
        }
    }
}
